import{ah as s,ar as t,ai as m}from"./Icon-C4XYzBmO.js";function h(n,r,o){var e=new m(n);s(()=>{var a=r()??null;e.ensure(a,a&&(c=>o(c,a)))},t)}export{h as c};
