import type { DataSource } from "typeorm";

import { Account, Company, Defaults, EveryType, Invoice, Level, LongName, Reserved, Role, Setting } from "./columns";
import { LineItem, OddDefaults, Passport, Person, Purchase } from "./habits";
import { Document } from "./one";
import {
  Author, Category, Folder, Label, Loose, Membership, Photo, Place, Post, Profile, Question, Unit, Visit,
} from "./relations";

const moment = (second: number): Date => new Date(Date.UTC(2024, 1, 29, 23, 59, second, 7));

export async function seed(source: DataSource): Promise<number> {
  const { manager } = source;
  for (const n of [1, 2, 3]) {
    await manager.save(EveryType, {
      inferredNumber: n, inferredText: `text ${n}`, inferredBoolean: n === 1, inferredDate: moment(n),
      int: -n, integer: n === 2 ? null : 2 ** 31 - n, int2: n, int8: 2 ** 40 + n, smallint: -n, bigint: 2 ** 53 - n,
      tinyint: n, mediumint: n * 1000, unsigned: n * 10, varchar: ["", "é", "€", "𝄞"][n] ?? "", short: "s".repeat(40), seven: n === 1 ? null : "1234567",
      five: "five5", text: n === 1 ? "line\nbreak\ttab \\ ' \"" : null, nvarchar: "n", clob: "c".repeat(5000),
      blob: n === 1 ? Buffer.from([0, 1, 255, 92]) : null, real: n / 10, float: n / 3, doublePrecision: 1e-300 * n, double: n / 7,
      numeric: n + 0.125, wholeNumeric: n * 100, price: n + 0.1, boolean: n === 2, date: `2024-02-0${n}`, time: `0${n}:30:15`,
      datetime: n === 3 ? null : moment(n), milliseconds: moment(n), json: n === 1 ? { a: [1, "x", null], b: { c: true } } : null,
      tags: n === 1 ? [] : ["a", "b c"], settings: n === 2 ? null : { deep: { list: [1, 2] }, text: "it's" },
      role: n === 1 ? Role.Admin : Role.Guest, level: n === 2 ? Level.High : null,
      externalUuid: n === 1 ? null : `0fae2b1c-9b0d-4e4e-8d6e-00000000000${n}`, odd: "odd", hidden: "hidden",
    });
  }
  await manager.save(Defaults, [{}, { text: "set", quotes: "it's", count: 5, yes: false, role: Role.Admin }].map((row) => manager.create(Defaults, row)));
  const [first] = await manager.find(Defaults, { where: { text: "set" } });
  if (first) await manager.softRemove(first);
  for (const n of [1, 2, 3]) {
    await manager.insert(Account, {
      login: `login${n}`, firstName: `First${n}`, lastName: "Last", nick: `nick${n}`, badge: `b${n}`,
      sessionId: `7f0c1f0e-1111-4222-8333-44444444444${n}`, email: `m${n}@example.org`, country: "CH", number: n * 3, active: n !== 2,
      role: n === 1 ? Role.Admin : Role.User,
    });
  }
  await manager.insert(Reserved, [{ from: 1, select: "a", group: "g", Where: "user" }, { from: 1, select: "b", group: "h", Where: "table" }]);
  await manager.save(Company, { address: { street: "A 1", city: "Bern" }, billing: { street: "B 2" }, capital: { amount: 1234.5, currency: "CHF" } });
  await manager.insert(Invoice, { quantity: 3, price: 7, firstName: "Ada" });
  if (source.hasMetadata(Document)) {
    // Keys in the order that PostgreSQL's jsonb gives them: by length, then by bytes.
    await manager.save(Document, { content: { big: 2 ** 40, deep: [1.5, -3, "é€𝄞 \"q\" \\ \n", { f: false, n: null, t: true }] } });
    await manager.save(Document, { content: null, binary: [], json: ["text"] });
    await manager.save(Document, { content: 7, binary: { long: "x".repeat(300) } });
  }
  await manager.save(OddDefaults, { id: 2 ** 40 });
  await manager.save(OddDefaults, { id: 1, clock: "10:11:12.5", huge: -(2 ** 50), none: ["a"] });
  const ada = await manager.save(Person, { first_name: "Ada", last_name: "L", email: "ada@example.org", age: 36, friends: [] });
  const eve = await manager.save(Person, { first_name: "Eve", last_name: "", email: "eve@example.org", accountState: "gone", friends: [ada] });
  await manager.insert(Passport, { personId: ada.id, number: "P1" });
  const purchase = await manager.save(Purchase, { customer: eve });
  await manager.insert(LineItem, [{ orderId: purchase.id, lineNo: 1, product: "x", buyer: ada }, { orderId: purchase.id, lineNo: 2, product: "y" }]);
  await manager.insert(LongName, { a_column_with_a_name_that_is_almost_as_long_as_postgres_allows: "x" });
  await manager.insert(Setting, [{ key: "theme", value: "dark" }, { key: "k2", value: "" }]);

  const mentor = await manager.save(Author, { name: "Ada", profile: { motto: "first" } as Profile });
  const author = await manager.save(Author, { name: "Bob", mentor, profile: { motto: "second" } as Profile });
  await manager.save(Author, { name: "Eve" });
  const labels = await manager.save(Label, [{ name: "new" }, { name: "Old One" }]);
  const parent = await manager.save(Post, { title: "root", author: mentor, labels, readers: [author] });
  await manager.save(Post, { title: "reply", author, editor: mentor, parent, labels: labels.slice(0, 1), readers: [] });
  const membership = await manager.save(Membership, { authorId: author.id, labelName: "new", since: 2020 });
  await manager.save(Visit, { membership });
  await manager.save(Loose, { author });
  await manager.save(Photo, { title: "photo", size: "big" });
  await manager.save(Question, { title: "why", answers: 3 });

  const root = await manager.save(Category, manager.create(Category, { name: "root" }));
  await manager.save(Category, manager.create(Category, { name: "leaf", parent: root }));
  const place = await manager.save(Place, manager.create(Place, {}));
  await manager.save(Place, manager.create(Place, { parent: place }));
  const folder = await manager.save(Folder, manager.create(Folder, { name: "home" }));
  await manager.save(Folder, manager.create(Folder, { name: "docs", parent: folder }));
  const unit = await manager.save(Unit, manager.create(Unit, { name: "all" }));
  await manager.save(Unit, manager.create(Unit, { name: "part", parent: unit }));
  return source.entityMetadatas.length;
}
