import{ah as s,as as t,ai as m}from"./Icon-CtlrMFm0.js";function h(n,o,r){var e=new m(n);s(()=>{var a=o()??null;e.ensure(a,a&&(c=>r(c,a)))},t)}export{h as c};
