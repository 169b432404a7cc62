/** The control page of the simulated district: one file, no scripts from elsewhere. */
export const CONTROL_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Simulated district</title>
<style>
:root{--bg:#DDE2E3;--panel:#F2F4F4;--line:#B9C2C6;--t1:#172025;--t2:#435058;--acc:#0B6660}
@media (prefers-color-scheme:dark){:root{--bg:#14191C;--panel:#1B2125;--line:#3A444B;--t1:#E8ECEE;--t2:#AEB8BF;--acc:#6CC0B4}}
body{margin:0;background:var(--bg);color:var(--t1);font:13px/19px "Segoe UI",-apple-system,Roboto,"Noto Sans","PingFang SC","Microsoft YaHei",sans-serif;font-variant-numeric:tabular-nums}
header,section{margin:12px 16px}h1{font-size:15px;margin:0}h2{font-size:13px;margin:0 0 8px}
section{background:var(--panel);border-radius:8px;padding:12px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:4px 8px;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:400;color:var(--t2)}button,select,input{font:inherit;color:inherit;background:transparent;border:1px solid #75818A;border-radius:6px;padding:3px 8px;min-height:28px}
button{cursor:pointer}button:focus-visible,select:focus-visible,input:focus-visible{outline:2px solid var(--acc);outline-offset:1px}
input{width:6em}small{color:var(--t2)}#say{color:var(--t2);min-height:19px}.on{font-weight:600}
</style></head><body>
<header><h1>Simulated district</h1><div id="say" role="status">…</div></header>
<section><h2>Faults that are on</h2><div id="active">none</div></section>
<section><h2>Scenarios</h2><table><tbody id="scenarios"></tbody></table></section>
<section><h2>Devices</h2><table><thead><tr><th>Device</th><th>Shows</th><th>Fault</th></tr></thead><tbody id="devices"></tbody></table></section>
<script>
const $=id=>document.getElementById(id);
const make=(tag,text,more={})=>Object.assign(document.createElement(tag),text===undefined?{}:{textContent:text},more);
const post=async(path,body)=>{const r=await fetch(path,{method:'POST',headers:{'content-type':'application/json'},body:JSON.stringify(body)});const a=await r.json();$('say').textContent=r.ok?'':a.message;await show()};
const order=(name,device,on,value)=>post('/faults',value===undefined?{name,device,on}:{name,device,on,value});
const rows=new Map();
function row(id,device){
 const tr=make('tr');const values=make('td');const cell=make('td');const pick=make('select',undefined,{ariaLabel:'Fault of '+id});
 for(const f of device.faults)pick.append(make('option',f.name,{value:f.name,title:f.what}));
 const amount=make('input',undefined,{type:'number',step:'any',ariaLabel:'Size'});const unit=make('small');
 const set=()=>{const f=device.faults.find(f=>f.name===pick.value);amount.value=f.usual;amount.hidden=f.unit==='1'&&f.usual===1;unit.textContent=' '+(f.unit==='1'?'':f.unit)+' '+f.what};
 pick.onchange=set;set();
 cell.append(pick,' ',amount,' ',make('button','Switch on',{onclick:()=>order(pick.value,id,true,Number(amount.value))}),unit);
 const name=make('td',id);name.append(make('br'),make('small',device.model+', '+device.place));
 tr.append(name,values,cell);$('devices').append(tr);rows.set(id,values);
}
async function show(){
 const s=await(await fetch('/status')).json();
 document.title='Simulated district';
 $('active').replaceChildren(...(s.faults.length?s.faults.map(f=>{const d=make('div',f.name+' at '+f.device+' ('+f.value+') ',{className:'on'});d.append(make('button','Switch off',{onclick:()=>order(f.name,f.device,false)}));return d}):[make('span','none')]));
 $('say').textContent='Simulated time '+new Date(s.now).toLocaleString()+(s.playing?' · playing: '+s.playing.title:'');
 for(const[id,d]of Object.entries(s.devices)){if(!rows.has(id))row(id,d);rows.get(id).textContent=Object.entries(d.values).map(([k,v])=>k+' '+(v===null?'–':Math.abs(v)>=100?v.toFixed(0):v.toPrecision(3))).join(', ')}
}
async function scenarios(){
 const list=await(await fetch('/scenarios')).json();
 for(const s of list.scenarios){const tr=make('tr');const t=make('td',s.title);t.append(make('br'),make('small',s.see??''));
  const b=make('td');b.append(make('button','Start',{onclick:()=>post('/scenarios',{name:s.name})}));
  tr.append(make('td',s.name),t,make('td',s.titleZh??'',{lang:'zh'}),b);$('scenarios').append(tr)}
 const tr=make('tr');const td=make('td');td.colSpan=4;td.append(make('button','Stop the scenario',{onclick:()=>post('/scenarios',{stop:true})}));tr.append(td);$('scenarios').append(tr);
}
scenarios();show();setInterval(show,2000);
</script></body></html>`;
