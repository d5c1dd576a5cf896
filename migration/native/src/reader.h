/* A read-only connection to the source, a statement on it, and the bytes that travel to Python. */
#ifndef OUTGROW_READER_H
#define OUTGROW_READER_H

#include <stddef.h>
#include <stdint.h>

#include "sqlite_api.h"

#define EXPORT __attribute__((visibility("default")))

/* Bytes that grow as needed. */
typedef struct {
  uint8_t *data;
  size_t size, room;
} bytes;

/* A running SELECT. `waiting` is set while a row has been stepped to and not yet been dealt with; its `values` are
 * looked at directly, as one thread alone uses the connection. */
typedef struct {
  sqlite3 *db;
  sqlite3_stmt *statement;
  sqlite3_value **values;
  int columns;
  int waiting;
  bytes odd;
} cursor;

/* What one call of a loop over rows has come to. */
enum { LOOP_DONE = 0, LOOP_MORE = 1, LOOP_ODD = 2, LOOP_FAILED = 3, LOOP_ROOM = 4 };

/* Makes room for `more` bytes and gives the place where they go; NULL where memory ran out. */
uint8_t *bytes_room(bytes *into, size_t more);

/* The row that waits, as storage classes and bytes: what Python's exact, slower functions are given.
 * A byte per value (SQLite's type number), then 8 bytes of an integer or a real, or 4 bytes of length and the
 * content of a text or blob. Numbers are in the machine's own byte order. Returns 0 where memory ran out. */
int odd_row(cursor *from);

/* Steps to the next row unless one is waiting: 1 there is one, 0 the end, -1 failed. */
int next_row(cursor *from);

#endif
