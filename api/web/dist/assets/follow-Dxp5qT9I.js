import{ag as u,Y as p}from"./Icon-DydJYiD4.js";const w=2e3;function y(a,s){const t=new AbortController;return b(a,s,t.signal),()=>t.abort()}async function b(a,s,t){let o="";for(;!t.aborted;){try{const n=o?{"last-event-id":o}:{},e=await u(p(`api/v1/media/${a}/events`),{signal:t,headers:n});if(e.status===204||e.status===404)return;if(e.ok&&e.body)for await(const i of m(e.body)){o=i.id??o;const r=JSON.parse(i.data);if(s(r),r.status==="ready"||r.status==="failed")return}}catch{}t.aborted||await new Promise(n=>setTimeout(n,w))}}async function*m(a){const s=a.pipeThrough(new TextDecoderStream).getReader();let t="";for(;;){const{done:o,value:n}=await s.read();if(o)return;t+=n;const e=t.split(`

`);t=e.pop()??"";for(const i of e){const r=i.split(`
`).map(c=>/^(\w+): ?(.*)$/.exec(c)),f=c=>r.filter(d=>d?.[1]===c).map(d=>d?.[2]??""),l=f("data").join(`
`);l&&(yield{id:f("id")[0],data:l})}}}export{y as f};
