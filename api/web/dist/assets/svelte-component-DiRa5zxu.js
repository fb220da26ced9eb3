import{ai as s,as as t,aj as m}from"./Icon-DydJYiD4.js";function i(n,o,r){var e=new m(n);s(()=>{var a=o()??null;e.ensure(a,a&&(c=>r(c,a)))},t)}export{i as c};
