#!/usr/bin/env bash
# A real PostgreSQL on this machine, for tests: tests/services/postgres.sh start|stop FOLDER [PORT]
# Needs root and Debian's postgresql. It listens at 127.0.0.1:PORT only, to user and database "rnnexp".
set -euo pipefail
action=$1
folder=$(realpath -m "$2")
port=${3:-15432}
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)

as_postgres() { (cd / && runuser -u postgres -- "$@"); }

start() {
    mkdir -p "$folder"
    chown postgres "$folder"
    as_postgres "$bin/initdb" --pgdata="$folder/data" --auth=trust > "$folder/initdb.log"
    as_postgres "$bin/pg_ctl" --pgdata="$folder/data" --log="$folder/data/log" --wait start \
        --options="-h 127.0.0.1 -p $port -k $folder" > /dev/null
    as_postgres "$bin/createuser" --host=127.0.0.1 --port="$port" rnnexp
    as_postgres "$bin/createdb" --host=127.0.0.1 --port="$port" --owner=rnnexp rnnexp
}

stop() { as_postgres "$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate stop > /dev/null; }

$action
