#include "reader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sqlite_api sqlite;

/* Looks every function up in the library at `path`, which must be the one that Python uses. Returns the name
 * of the first function that is missing, or NULL. */
EXPORT const char *outgrow_init(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  if (library == NULL) return path;
#define LOOK_UP(member)                                                        \
  if ((*(void **)&sqlite.member = dlsym(library, "sqlite3_" #member)) == NULL) \
    return "sqlite3_" #member;
  LOOK_UP(open_v2)
  LOOK_UP(close_v2)
  LOOK_UP(busy_timeout)
  LOOK_UP(exec)
  LOOK_UP(prepare_v2)
  LOOK_UP(bind_int64)
  LOOK_UP(step)
  LOOK_UP(finalize)
  LOOK_UP(column_count)
  LOOK_UP(column_value)
  LOOK_UP(value_type)
  LOOK_UP(value_int64)
  LOOK_UP(value_double)
  LOOK_UP(value_text)
  LOOK_UP(value_blob)
  LOOK_UP(value_bytes)
  LOOK_UP(errmsg)
  LOOK_UP(extended_errcode)
  LOOK_UP(collation_needed)
  LOOK_UP(create_collation_v2)
  LOOK_UP(interrupt)
#undef LOOK_UP
  return NULL;
}

/* Stands in for a collation that only the application knows: bytewise, as nothing here orders by it. */
static int bytewise(void *unused, int left_size, const void *left, int right_size, const void *right) {
  int order = memcmp(left, right, (size_t)(left_size < right_size ? left_size : right_size));
  (void)unused;
  return order != 0 ? order : left_size - right_size;
}

static void stand_in(void *unused, sqlite3 *db, int encoding, const char *name) {
  (void)unused;
  sqlite.create_collation_v2(db, name, encoding, NULL, bytewise, NULL);
}

/* Opens a connection; `*code` gets SQLite's result code. The handle must be closed even where that is not 0. */
EXPORT sqlite3 *outgrow_open(const char *uri, int wait_ms, int *code) {
  sqlite3 *db = NULL;
  *code = sqlite.open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
  if (*code != SQLITE_OK) return db;
  sqlite.busy_timeout(db, wait_ms);
  sqlite.collation_needed(db, NULL, stand_in);
  /* 16 MiB: foreign keys are looked up in the order of the children, all over their parents. */
  *code = sqlite.exec(db, "PRAGMA query_only=ON; PRAGMA cache_size=-16384", NULL, NULL, NULL);
  return db;
}

EXPORT void outgrow_close(sqlite3 *db) { sqlite.close_v2(db); }

EXPORT int outgrow_execute(sqlite3 *db, const char *sql) { return sqlite.exec(db, sql, NULL, NULL, NULL); }

EXPORT const char *outgrow_message(sqlite3 *db) { return sqlite.errmsg(db); }

EXPORT int outgrow_code(sqlite3 *db) { return sqlite.extended_errcode(db); }

EXPORT void outgrow_interrupt(sqlite3 *db) { sqlite.interrupt(db); }

/* Prepares a SELECT and binds whole numbers to its parameters; NULL where SQLite or memory refuses. */
EXPORT cursor *outgrow_select(sqlite3 *db, const char *sql, const int64_t *bound, int count) {
  cursor *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  made->db = db;
  if (sqlite.prepare_v2(db, sql, -1, &made->statement, NULL) != SQLITE_OK) {
    free(made);
    return NULL;
  }
  for (int at = 0; at < count; at++) sqlite.bind_int64(made->statement, at + 1, bound[at]);
  made->columns = sqlite.column_count(made->statement);
  made->values = calloc((size_t)made->columns + 1, sizeof *made->values);
  if (made->values == NULL) {
    sqlite.finalize(made->statement);
    free(made);
    return NULL;
  }
  return made;
}

EXPORT void outgrow_finish(cursor *from) {
  sqlite.finalize(from->statement);
  free(from->odd.data);
  free(from->values);
  free(from);
}

/* The whole number that the next row begins with: 1 there is one, 0 no row, -1 failed. */
EXPORT int outgrow_number(cursor *from, int64_t *number) {
  int found = next_row(from);
  if (found == 1) *number = sqlite.value_int64(from->values[0]);
  from->waiting = 0;
  return found;
}

/* The bytes of the row, or of the values, that Python has to look at. */
EXPORT const uint8_t *outgrow_odd(const cursor *from, size_t *size) {
  *size = from->odd.size;
  return from->odd.data;
}

int next_row(cursor *from) {
  if (from->waiting) return 1;
  switch (sqlite.step(from->statement)) {
    case SQLITE_ROW:
      for (int at = 0; at < from->columns; at++) from->values[at] = sqlite.column_value(from->statement, at);
      from->waiting = 1;
      return 1;
    case SQLITE_DONE:
      return 0;
    default:
      return -1;
  }
}

uint8_t *bytes_room(bytes *into, size_t more) {
  if (into->size + more > into->room) {
    size_t room = 2 * (into->size + more) + 256;
    uint8_t *grown = realloc(into->data, room);
    if (grown == NULL) return NULL;
    into->data = grown;
    into->room = room;
  }
  return into->data + into->size;
}

int odd_row(cursor *from) {
  bytes *odd = &from->odd;
  odd->size = 0;
  for (int at = 0; at < from->columns; at++) {
    int type = sqlite.value_type(from->values[at]);
    const void *content = NULL;
    uint32_t length = 0;
    if (type == SQLITE_TEXT) content = sqlite.value_text(from->values[at]);
    if (type == SQLITE_BLOB) content = sqlite.value_blob(from->values[at]);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB) length = (uint32_t)sqlite.value_bytes(from->values[at]);
    uint8_t *place = bytes_room(odd, 16 + (size_t)length);
    if (place == NULL) return 0;
    *place++ = (uint8_t)type;
    odd->size++;
    if (type == SQLITE_INTEGER) {
      int64_t value = sqlite.value_int64(from->values[at]);
      memcpy(place, &value, 8);
      odd->size += 8;
    } else if (type == SQLITE_FLOAT) {
      double value = sqlite.value_double(from->values[at]);
      memcpy(place, &value, 8);
      odd->size += 8;
    } else if (type != SQLITE_NULL) {
      memcpy(place, &length, 4);
      if (length > 0) memcpy(place + 4, content, length);
      odd->size += 4 + (size_t)length;
    }
  }
  return 1;
}
