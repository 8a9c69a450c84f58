#!/bin/sh
# Run once by the image of PostgreSQL, when its folder is empty: two roles, so that what serves cannot change the past.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" \
  --set=owner_password="$XIANGLI_OWNER_PASSWORD" --set=app_password="$XIANGLI_APP_PASSWORD" <<'SQL'
CREATE ROLE xiangli_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE xiangli_app LOGIN PASSWORD :'app_password';
CREATE DATABASE xiangli OWNER xiangli_owner;
REVOKE CONNECT ON DATABASE xiangli FROM PUBLIC;
GRANT CONNECT ON DATABASE xiangli TO xiangli_app;
\c xiangli
CREATE EXTENSION btree_gist SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA public;
SQL
