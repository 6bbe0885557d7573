-- A small shop: enough schema and rows for a real incident, loaded in about a second.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop_app LOGIN;
CREATE ROLE dba LOGIN REPLICATION;
GRANT pg_monitor, pg_signal_backend, shop_owner TO dba;

CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE shop.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES shop.customers,
  state text NOT NULL DEFAULT 'new',
  total numeric(10, 2) NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_customer_id ON shop.orders (customer_id);
CREATE TABLE shop.stock (
  sku text PRIMARY KEY,
  on_hand integer NOT NULL
);
CREATE TABLE shop.carts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  items jsonb NOT NULL,
  touched integer NOT NULL DEFAULT 0
) WITH (autovacuum_enabled = off);

INSERT INTO shop.customers (email) SELECT 'customer' || n || '@shop.example' FROM generate_series(1, 2000) n;
INSERT INTO shop.orders (customer_id, total)
  SELECT 1 + n % 2000, (n % 900) + 0.99 FROM generate_series(1, 10000) n;
INSERT INTO shop.stock SELECT 'SKU-' || n, 100 FROM generate_series(1, 500) n;
INSERT INTO shop.carts (items)
  SELECT jsonb_build_object('note', repeat(md5(n::text), 12), 'sku', 'SKU-' || n % 500) FROM generate_series(1, 40000) n;
GRANT USAGE ON SCHEMA shop TO shop_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO shop_app;
RESET ROLE;
