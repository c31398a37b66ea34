#include "engine/check_row.hpp"

#include <gtest/gtest.h>

namespace pulsimo::engine {
namespace {

using namespace std::string_literals;

TEST(CheckRow, AFileBeginsWithTheSignatureAndEndsWithMinusOne) {
    std::string file;
    begin_rows(file);
    end_rows(file);
    EXPECT_EQ(file,
              "PGCOPY\n\xff\r\n\0"
              "\0\0\0\0"
              "\0\0\0\0"
              "\xff\xff"s);
}

TEST(CheckRow, FieldsAreInTheOrderOfTheColumnsWithTheirLengths) {
    CheckResult result;
    result.endpoint_id = 0x0102030405060708;
    result.started_at_us = 946'684'800'000'001;  // a microsecond after the database's epoch
    result.response_us = 0x01020304;
    result.phases = {1, 2, 3, 4, 5};
    result.http_status = 503;
    result.error = ErrorClass::status;
    std::string row;
    append_row(row, result, "down", "got 503");
    EXPECT_EQ(row,
              "\0\x0c"
              "\0\0\0\x08\x01\x02\x03\x04\x05\x06\x07\x08"
              "\0\0\0\x08\0\0\0\0\0\0\0\x01"
              "\0\0\0\x04"
              "down"
              "\0\0\0\x04\x01\x02\x03\x04"
              "\0\0\0\x04\0\0\0\x01"
              "\0\0\0\x04\0\0\0\x02"
              "\0\0\0\x04\0\0\0\x03"
              "\0\0\0\x04\0\0\0\x04"
              "\0\0\0\x04\0\0\0\x05"
              "\0\0\0\x02\x01\xf7"
              "\0\0\0\x06"
              "status"
              "\0\0\0\x07"
              "got 503"s);
}

TEST(CheckRow, WhatDidNotHappenIsNull) {
    const std::string null = "\xff\xff\xff\xff"s;
    CheckResult result;
    result.started_at_us = 946'684'799'999'999;  // before the epoch: negative
    std::string row;
    append_row(row, result, "up", "");
    EXPECT_EQ(row,
              "\0\x0c"
              "\0\0\0\x08\0\0\0\0\0\0\0\0"
              "\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff"
              "\0\0\0\x02"
              "up"
              "\0\0\0\x04\0\0\0\0"s +
                  null + null + null + null + null + null + null + null);
}

}  // namespace
}  // namespace pulsimo::engine
