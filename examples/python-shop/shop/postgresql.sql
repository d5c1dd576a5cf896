CREATE TYPE "order_status_enum" AS ENUM ('pending', 'paid', 'shipped', 'cancelled');

CREATE TABLE "customer" (
    "id" serial PRIMARY KEY,
    "email" character varying(200) NOT NULL CONSTRAINT "UQ_fdb2f3ad8115da4c7718109a6eb" UNIQUE,
    "name" character varying(120) NOT NULL,
    "newsletter" boolean NOT NULL DEFAULT false,
    "address" text,
    "createdAt" timestamp NOT NULL DEFAULT now()
);

CREATE TABLE "product" (
    "id" serial PRIMARY KEY,
    "sku" character varying(32) NOT NULL CONSTRAINT "UQ_34f6ca1cd897cc926bdcca1ca39" UNIQUE,
    "name" character varying(120) NOT NULL,
    "description" text,
    "price" numeric(10,2) NOT NULL,
    "stock" integer NOT NULL DEFAULT 0,
    "active" boolean NOT NULL DEFAULT true,
    "createdAt" timestamp NOT NULL DEFAULT now(),
    CONSTRAINT "CHK_35f9a18fbac915618a6c3e435b" CHECK ("stock" >= 0)
);
CREATE INDEX "IDX_22cc43e9a74d7498546e9a63e7" ON "product" ("name");

CREATE TABLE "order" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "customerId" integer NOT NULL,
    "status" "order_status_enum" NOT NULL DEFAULT 'pending',
    "total" numeric(12,2) NOT NULL,
    "note" character varying(500),
    "createdAt" timestamp NOT NULL DEFAULT now(),
    "shippedAt" timestamp,
    CONSTRAINT "FK_124456e637cca7a415897dce659" FOREIGN KEY ("customerId") REFERENCES "customer" ("id") ON DELETE CASCADE
);
CREATE INDEX "IDX_124456e637cca7a415897dce65" ON "order" ("customerId");
CREATE INDEX "IDX_fa970f9fbef460e07c2485b158" ON "order" ("status", "createdAt");

CREATE TABLE "order_item" (
    "id" serial PRIMARY KEY,
    "orderId" uuid NOT NULL,
    "productId" integer,
    "productName" character varying(120) NOT NULL,
    "quantity" integer NOT NULL,
    "unitPrice" numeric(10,2) NOT NULL,
    CONSTRAINT "CHK_805e552e196a6b601ce77d042d" CHECK ("quantity" > 0),
    CONSTRAINT "FK_646bf9ece6f45dbe41c203e06e0" FOREIGN KEY ("orderId") REFERENCES "order" ("id") ON DELETE CASCADE,
    CONSTRAINT "FK_904370c093ceea4369659a3c810" FOREIGN KEY ("productId") REFERENCES "product" ("id") ON DELETE SET NULL
);
CREATE INDEX "IDX_646bf9ece6f45dbe41c203e06e" ON "order_item" ("orderId");
CREATE INDEX "IDX_904370c093ceea4369659a3c81" ON "order_item" ("productId");
