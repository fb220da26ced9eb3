// Live comments with socket.io-client, unchanged. argv[2] is a JSON of what to do; prints what happened as JSON.
import net from "node:net";
import { io } from "socket.io-client";

const { urls, tokens, media, secret, mode, count, rounds } = JSON.parse(process.argv[2]);
const open = (url, token, more = {}) => {
  const socket = io(url, { auth: token ? { token } : {}, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 300, ...more });
  socket.seen = { new_comment: [], comment_updated: [], comment_deleted: [], viewers: [], error: [] };
  for (const [name, list] of Object.entries(socket.seen)) socket.on(name, (data) => list.push(data));
  return socket;
};
const connected = (socket) =>
  new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", (e) => reject(e));
  });
const ask = (socket, event, data) => socket.timeout(10000).emitWithAck(event, data);
const until = async (what, test, patience = 15000, state = () => "") => {
  const end = Date.now() + patience;
  while (!test()) {
    if (Date.now() > end) throw new Error(`not in time: ${what} ${state()}`);
    await new Promise((r) => setTimeout(r, 10));
  }
};
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const texts = (socket) => socket.seen.new_comment.map((c) => c.body);
const told = () => new Promise((r) => process.stdin.once("data", (data) => r(String(data).trim())));

const modes = {
  // Two people at two instances, one of them by polling alone.
  async talk() {
    const a = open(urls[0], tokens[0]);
    const b = open(urls[1], tokens[1], { transports: ["polling"] });
    const stranger = open(urls[0]);
    await Promise.all([connected(a), connected(b), connected(stranger)]);
    const joined = [];
    for (const s of [a, b, stranger]) joined.push(await ask(s, "join_video", { media_id: media }));
    const sent = await ask(a, "send_comment", { media_id: media, body: "hello <b>", at_ms: 1000 });
    await until("the first is heard", () => b.seen.new_comment.length === 1 && stranger.seen.new_comment.length === 1);
    const again = await ask(a, "send_comment", { media_id: media, body: "answer", parent_id: sent.comment.id });
    const refused = await ask(stranger, "send_comment", { media_id: media, body: "me too" });
    const wrong = await ask(a, "join_video", { nonsense: true });
    const nowhere = await ask(a, "join_video", { media_id: "00000000-0000-7000-8000-000000000000" });
    const hidden = await ask(b, "join_video", { media_id: secret });
    await until("both heard", () => b.seen.new_comment.length === 2 && stranger.seen.new_comment.length === 2);
    await until("upgraded", () => a.io.engine.transport.name === "websocket");
    await until("three are counted", () => [a, b, stranger].every((s) => s.seen.viewers.some((v) => v.count === 3)));
    return {
      sent: sent.comment, again: again.comment, refused, wrong, nowhere, hidden, joined,
      own: a.seen.new_comment.length, heard: b.seen.new_comment, stranger: texts(stranger), errors: a.seen.error.length,
      transport: b.io.engine.transport.name, upgraded: a.io.engine.transport.name,
    };
  },
  // Listens to what the test does by HTTP; it says when on standard input.
  async listen() {
    const sockets = tokens.map((t, i) => open(urls[i % urls.length], t));
    await Promise.all(sockets.map(connected));
    const joined = [];
    for (const s of sockets) joined.push(await ask(s, "join_video", { media_id: media }));
    console.log("ready");
    const ends = sockets.map((s) => new Promise((r) => s.once("disconnect", r)));
    await told();
    await wait(300);
    await Promise.race([Promise.all(ends), wait(count ?? 0)]);
    return { joined, seen: sockets.map((s) => s.seen), connected: sockets.map((s) => s.connected) };
  },
  // The first hears the whole story, step by step; the second has blocked one, and is turned out when a third is said.
  async watch() {
    const [a, b] = tokens.map((t, i) => open(urls[i], t));
    await Promise.all([a, b].map(connected));
    for (const s of [a, b]) await ask(s, "join_video", { media_id: media });
    console.log("ready");
    await until("said", () => a.seen.new_comment.length === 2 && b.seen.new_comment.length === 1);
    console.log("ready");
    await until("changed", () => [a, b].every((s) => s.seen.comment_updated.length && s.seen.comment_deleted.length));
    console.log("ready");
    await until("the end", () => a.seen.new_comment.length >= 3 && b.seen.error.length);
    await wait(300);
    return { seen: [a, b].map((s) => s.seen) };
  },
  // Joins again although it is in, and comes back to ten rooms at once.
  async again() {
    const a = open(urls[0], tokens[0]);
    const b = open(urls[1], tokens[1]);
    await Promise.all([a, b].map(connected));
    const sent = [];
    for (let i = 0; i < 3; i++) sent.push((await ask(a, "send_comment", { media_id: media, body: `number ${i}` })).comment.id);
    await ask(b, "join_video", { media_id: media });
    const { comments } = await ask(b, "join_video", { media_id: media, after: sent[0] });
    await until("both", () => b.seen.new_comment.length >= 2);
    await wait(1500);
    const heard = texts(b);
    const all = await Promise.all(Array.from({ length: 10 }, () => ask(b, "join_video", { media_id: media, after: sent[2] })));
    return { answered: comments, heard, rooms: all.filter((j) => !j.error).length };
  },
  // Refused connections.
  async refused() {
    const results = [];
    for (const token of tokens) results.push(await connected(open(urls[0], token, { reconnection: false })).then(() => "in", (e) => e.message));
    const foreign = open(urls[0], null, { reconnection: false, extraHeaders: { origin: "https://evil.example" } });
    results.push(await connected(foreign).then(() => "in", (e) => `foreign: ${e.type ?? e.message}`));
    const wild = open(urls[0], null, { reconnection: false, transports: ["websocket"], extraHeaders: { origin: "https://evil.example" } });
    results.push(await connected(wild).then(() => "in", (e) => `foreign: ${e.type ?? e.message}`));
    const big = open(urls[0], null, { reconnection: false, transports: ["websocket"] });
    await connected(big);
    const gone = new Promise((r) => big.once("disconnect", r));
    big.emit("send_comment", { media_id: media, body: "x".repeat(1 << 20) });
    results.push(await Promise.race([gone, wait(10000).then(() => "still in")]));
    const flood = open(urls[0], null, { reconnection: false });
    await connected(flood);
    const over = new Promise((r) => flood.once("disconnect", r));
    for (let i = 0; i < 10000; i++) flood.emit("join_video", { media_id: media });
    results.push(await Promise.race([over, wait(10000).then(() => "still in")]));
    return results;
  },
  // Two write at two instances while the connection of a third is cut again and again: nothing is lost, nothing comes twice.
  async reconnect() {
    const a = open(urls[0], tokens[0]);
    const c = open(urls[1], tokens[1]);
    const b = open(urls[1]);
    const got = new Map();
    let doubled = 0;
    let last = "00000000-0000-0000-0000-000000000000";
    const take = (c) => {
      if (got.has(c.id)) doubled += 1;
      got.set(c.id, c.body);
      if (c.id > last) last = c.id;
    };
    b.on("new_comment", take);
    // A cut may come before the answer; then the next connection asks again.
    b.on("connect", async () => {
      const socket = b.id;
      try {
        const { comments } = await ask(b, "join_video", { media_id: media, after: last });
        comments.forEach(take);
      } catch (error) {
        if (b.id === socket) throw error;
      }
    });
    await Promise.all([connected(a), connected(c), connected(b)]);
    const log = [];
    const note = (what) => log.push(`${Math.round(performance.now())} ${what}`);
    for (const name of ["connect", "disconnect", "connect_error"]) b.on(name, (why) => note(`${name} ${why ?? b.id}`));
    let cuts = 0;
    const write = async (socket, every) => {
      for (let i = 0; i < count / 2; i++) {
        const { comment } = await ask(socket, "send_comment", { media_id: media, body: `number ${i}`, client_key: crypto.randomUUID() });
        if (!comment) throw new Error("not stored");
        // The client takes no note of a line that is cut while it connects, and waits for twenty seconds.
        if (i % every === 3) await until("in again", () => b.connected), (cuts += 1), b.io.engine.close();
        await wait(20);
      }
    };
    await Promise.all([write(a, 7), write(c, 11)]);
    await until("all came", () => got.size >= count, 20000, () => JSON.stringify({ got: [...got.values()].sort(), connected: b.connected, log }));
    await wait(1500);
    return { got: got.size, doubled, cuts };
  },
  // Comments that somebody hears, in order, until there are enough.
  async hear() {
    const b = open(urls[1], tokens[1]);
    await connected(b);
    await ask(b, "join_video", { media_id: media });
    console.log("ready");
    await until("all heard", () => b.seen.new_comment.length >= count);
    await wait(1000);
    return texts(b);
  },
  // The instance stops, and what was one address is another instance's: nobody calls connect().
  async move() {
    let target = urls[0];
    const proxy = net.createServer((inner) => {
      const { hostname, port } = new URL(target);
      const outer = net.connect(Number(port), hostname);
      for (const s of [inner, outer]) s.on("error", () => (inner.destroy(), outer.destroy()));
      inner.pipe(outer).pipe(inner);
    });
    await new Promise((r) => proxy.listen(0, "127.0.0.1", r));
    const b = open(`http://127.0.0.1:${proxy.address().port}`, tokens[0]);
    let last;
    let joins = 0;
    const take = (c) => ((last = c.id), b.seen.new_comment.includes(c) || b.seen.new_comment.push(c));
    b.on("new_comment", take);
    b.on("connect", async () => {
      const { comments, last: now } = await ask(b, "join_video", { media_id: media, after: last });
      comments.forEach(take);
      last = now;
      joins += 1;
    });
    await until("in", () => joins === 1);
    console.log("ready");
    target = await told();
    await until("in again", () => joins === 2);
    console.log("ready");
    await until("all heard", () => b.seen.new_comment.length >= count);
    return texts(b);
  },
  // A client that does not fetch for a while.
  async slow() {
    const b = open(urls[1], null, { transports: ["polling"] });
    await connected(b);
    await ask(b, "join_video", { media_id: media });
    const transport = b.io.engine.transport;
    let held = false;
    transport.doPoll = () => (held = true);
    console.log("ready");
    await told();
    delete transport.doPoll;
    if (held) transport.doPoll();
    await until("all came", () => b.seen.new_comment.length >= count && b.seen.comment_updated.length > 0, 20000);
    await wait(1500);
    return { heard: texts(b), changed: b.seen.comment_updated.map((c) => c.body) };
  },
  // Somebody comes back to more than one answer holds, while others go on.
  async missed() {
    const a = open(urls[0], tokens[0]);
    const b = open(urls[1], tokens[1]);
    await Promise.all([connected(a), connected(b)]);
    await ask(b, "join_video", { media_id: media });
    const heard = [];
    b.on("new_comment", (c) => heard.push(c));
    await ask(a, "send_comment", { media_id: media, body: "first" });
    await until("first", () => heard.length === 1);
    b.disconnect();
    console.log("ready");
    await told();
    b.connect();
    await connected(b);
    const go = (async () => {
      for (let i = 0; i < 10; i++) await ask(a, "send_comment", { media_id: media, body: `then ${i}` });
    })();
    const first = heard.pop();
    const { comments } = await ask(b, "join_video", { media_id: media, after: first.id });
    const answered = comments.length;
    heard.unshift(...comments);
    await go;
    await until("all", () => heard.length >= count);
    await wait(1000);
    return { answered, heard: heard.map((c) => c.body) };
  },
  // Many sockets in one room over all instances: how long until each has heard.
  async crowd() {
    const sockets = [];
    for (let i = 0; i < count; i += 50) {
      const some = Array.from({ length: Math.min(50, count - i) }, (_, n) => open(urls[(i + n) % urls.length], null, { transports: ["websocket"] }));
      await Promise.all(some.map(connected));
      await Promise.all(some.map((s) => ask(s, "join_video", { media_id: media })));
      sockets.push(...some);
    }
    const speaker = open(urls[0], tokens[0], { transports: ["websocket"] });
    await connected(speaker);
    const delays = [];
    // Many rounds, so that the p99 of deliveries is not one moment's. One may say 20 things a second.
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      const heard = sockets.map((s) => new Promise((r) => s.once("new_comment", () => r(performance.now() - began))));
      await ask(speaker, "send_comment", { media_id: media, body: `round ${round}` });
      delays.push(...(await Promise.all(heard)));
      await wait(Math.max(0, 60 - (performance.now() - began)));
    }
    delays.sort((x, y) => x - y);
    await until("all are counted", () => sockets[0].seen.viewers.some((v) => v.count === count));
    return { heard: delays.length, p50: delays[delays.length >> 1], p99: delays[Math.floor(delays.length * 0.99)] };
  },
};

const result = await modes[mode]();
console.log(JSON.stringify(result));
process.exit(0);
