#ifndef MINDER_TESTS_SERVICES_ARBITRATOR_TAMPER_H_
#define MINDER_TESTS_SERVICES_ARBITRATOR_TAMPER_H_

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace minder {

// What somebody with another program does to the file of a store that nobody holds.
inline void Tamper(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  ASSERT_EQ(sqlite3_close(db), SQLITE_OK);
}

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_ARBITRATOR_TAMPER_H_
