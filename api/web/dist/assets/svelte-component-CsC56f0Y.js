import{ag as s,as as t,ah as m}from"./Icon-B5MRKLlq.js";function h(n,o,r){var e=new m(n);s(()=>{var a=o()??null;e.ensure(a,a&&(c=>r(c,a)))},t)}export{h as c};
