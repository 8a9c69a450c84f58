"""What a statement of a migration does to those who use its table."""

import pytest

from xiangli.config.keeping.steps import Kind, kind_of


@pytest.mark.parametrize(
    ("statement", "table", "kind"),
    [
        ('CREATE TABLE "a_b" ("id" uuid NOT NULL PRIMARY KEY);', "a_b", Kind.NEW),
        ('ALTER TABLE "a_b" ADD COLUMN "c" integer NULL;', "a_b", Kind.MOMENT),
        ('ALTER TABLE "a_b" ADD COLUMN "c" integer DEFAULT 0 NOT NULL;', "a_b", Kind.MOMENT),
        ('ALTER TABLE "a_b" ADD COLUMN "c" int GENERATED ALWAYS AS (1) STORED;', "a_b", Kind.REWRITE),
        ('ALTER TABLE "a_b" ALTER COLUMN "c" TYPE text USING "c"::text;', "a_b", Kind.REWRITE),
        ('ALTER TABLE "a_b" ALTER COLUMN "c" SET NOT NULL;', "a_b", Kind.READ),
        ('ALTER TABLE "a_b" ALTER COLUMN "c" DROP DEFAULT;', "a_b", Kind.MOMENT),
        ('ALTER TABLE "a_b" ADD CONSTRAINT "d" CHECK ("c" > 0);', "a_b", Kind.READ),
        ('CREATE UNIQUE INDEX "i" ON "a_b" ("c") WHERE "c" > 0;', "a_b", Kind.BUILD),
        ('CREATE INDEX CONCURRENTLY "i" ON "a_b" ("c");', "a_b", Kind.MOMENT),
        ("CREATE SEQUENCE matters_number START 100001", "matters_number", Kind.NEW),
        ('DROP INDEX IF EXISTS "i";', "i", Kind.MOMENT),
        ('UPDATE "a_b" SET "c" = 1;', "a_b", Kind.ROWS),
        ("INSERT INTO xiangli.a_b VALUES (1)", "a_b", Kind.ROWS),
        ("VACUUM", "", Kind.OTHER),
    ],
)
def test_kind_of_a_statement(statement: str, table: str, kind: Kind) -> None:
    assert kind_of(statement) == (table, kind)
    assert kind_of(statement.replace(" ", "\n  ")) == (table, kind)


@pytest.mark.parametrize(
    "statement", ["", "--\n-- Create model A\n--", "SET CONSTRAINTS ALL IMMEDIATE", "COMMIT;"]
)
def test_kind_of_what_holds_up_nobody(statement: str) -> None:
    assert kind_of(statement) is None
