/* The part of SQLite's C interface that is used here (sqlite.org/c3ref/funclist.html), looked up at run time.
 *
 * The functions come from the very library that Python's sqlite3 module has loaded: a second copy in one
 * process would break the first one's file locks. Headers are not needed, so a compiler is enough to build.
 */
#ifndef OUTGROW_SQLITE_API_H
#define OUTGROW_SQLITE_API_H

#include <stdint.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_value sqlite3_value;

enum { SQLITE_OK = 0, SQLITE_ROW = 100, SQLITE_DONE = 101 };
enum { SQLITE_INTEGER = 1, SQLITE_FLOAT = 2, SQLITE_TEXT = 3, SQLITE_BLOB = 4, SQLITE_NULL = 5 };
enum { SQLITE_OPEN_READONLY = 0x1, SQLITE_OPEN_URI = 0x40, SQLITE_OPEN_NOMUTEX = 0x8000, SQLITE_UTF8 = 1 };

typedef int (*collation_compare)(void *, int, const void *, int, const void *);
typedef void (*collation_request)(void *, sqlite3 *, int, const char *);

typedef struct {
  int (*open_v2)(const char *, sqlite3 **, int, const char *);
  int (*close_v2)(sqlite3 *);
  int (*busy_timeout)(sqlite3 *, int);
  int (*exec)(sqlite3 *, const char *, void *, void *, char **);
  int (*prepare_v2)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
  int (*bind_int64)(sqlite3_stmt *, int, int64_t);
  int (*step)(sqlite3_stmt *);
  int (*finalize)(sqlite3_stmt *);
  int (*column_count)(sqlite3_stmt *);
  sqlite3_value *(*column_value)(sqlite3_stmt *, int);
  int (*value_type)(sqlite3_value *);
  int64_t (*value_int64)(sqlite3_value *);
  double (*value_double)(sqlite3_value *);
  const unsigned char *(*value_text)(sqlite3_value *);
  const void *(*value_blob)(sqlite3_value *);
  int (*value_bytes)(sqlite3_value *);
  const char *(*errmsg)(sqlite3 *);
  int (*extended_errcode)(sqlite3 *);
  int (*collation_needed)(sqlite3 *, void *, collation_request);
  int (*create_collation_v2)(sqlite3 *, const char *, int, void *, collation_compare, void (*)(void *));
  void (*interrupt)(sqlite3 *);
} sqlite_api;

extern sqlite_api sqlite;

#endif
