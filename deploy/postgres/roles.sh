#!/bin/sh
# Run once, by the image, when the volume is new: the owner of Pulse's database. `pulse migrate` makes the rest.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$OWNER_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE pulse LOGIN CREATEROLE BYPASSRLS PASSWORD :'password';
CREATE DATABASE pulse OWNER pulse;
SQL
