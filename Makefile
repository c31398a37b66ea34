# The server module and the extension scripts, by PGXS. `make PG_CONFIG=...` picks the server version (15 to 18).
# The engine's unit tests and benchmarks are built by CMakeLists.txt, without Postgres.

EXTENSION  = pulsimo
MODULE_big = pulsimo
OBJS       = $(patsubst %.cpp,%.o,$(sort $(wildcard src/engine/*.cpp src/health/*.cpp src/secrets/*.cpp src/pg/*.cpp src/worker/*.cpp src/functions/*.cpp)))

MIGRATIONS = $(sort $(wildcard migrations/[0-9]*.sql))
VERSIONS   = $(foreach f,$(MIGRATIONS),$(firstword $(subst _, ,$(notdir $(f)))))
GENERATED  = build/extension
DATA_built = $(shell p=; for v in $(VERSIONS); do echo $(GENERATED)/pulsimo--$${p:+$$p--}$$v.sql; p=$$v; done)

PG_CONFIG  ?= pg_config
PG_MAJOR   := $(shell $(PG_CONFIG) --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
ifeq ($(shell test $(PG_MAJOR) -ge 15 && test $(PG_MAJOR) -le 18 && echo yes),)
$(error Pulsimo supports PostgreSQL 15 to 18; $(PG_CONFIG) is of version $(PG_MAJOR))
endif

PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -DPULSIMO_VERSION='"$(lastword $(VERSIONS))"'
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Wshadow -fno-strict-aliasing -fwrapv -fvisibility=hidden -MMD -MP
SHLIB_LINK  = -lcurl -lcares -lssl -lcrypto -lpcre2-8 -lsodium -lstdc++

REGRESS        = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS   = --temp-instance=$(CURDIR)/tmp_check/regress --temp-config=$(CURDIR)/test/postgresql.conf --no-locale --encoding=UTF8
ISOLATION      = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=tmp_check/isolation --temp-instance=$(CURDIR)/tmp_check/isolation_instance --temp-config=$(CURDIR)/test/postgresql.conf
TAP_TESTS      = 1
PROVE_TESTS    = $(sort $(wildcard test/tap/*.pl))
EXTRA_CLEAN    = build tmp_check $(OBJS:.o=.d)
# Makefile.global would switch it on again, and bitcode of this code serves nobody.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# What the server's own gcc was told: g++ 12 refuses the first for C++, clang knows none of them, -Wextra -Wshadow say more.
override CXXFLAGS := $(filter-out -fexcess-precision=standard -Wimplicit-fallthrough=3 -Wshadow=compatible-local,$(CXXFLAGS))

# A server header in these rooms is an error (see the file).
$(filter src/engine/% src/health/% src/secrets/%,$(OBJS)): override CPPFLAGS += -include src/no_postgres.hpp

-include $(OBJS:.o=.d)

# What knows its own version is compiled again when a migration is added. (A stamp with the version in its name would not
# do: PGXS makes every missing file that can be made count as there.)
$(patsubst %.cpp,%.o,$(shell grep -l PULSIMO_VERSION src/*/*.cpp)): $(lastword $(MIGRATIONS))

$(DATA_built) &: $(MIGRATIONS) $(wildcard src/sql/*.sql) src/sql/order scripts/generate-extension-sql
	scripts/generate-extension-sql $(GENERATED) $(MIGRATIONS)
