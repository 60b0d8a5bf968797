"""Whether a migration can be undone, for each kind of migration file."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.globs import matches
from bot.rules.release.migrations import MIGRATION_GLOBS, way_back
from bot.rules.release.way_back import Reversibility

YES, NO, UNTOLD = Reversibility.YES, Reversibility.NO, Reversibility.UNTOLD

ALEMBIC = 'revision = "7"\n\ndef upgrade():\n    op.create_table("a")\n\n\ndef downgrade():\n    {}\n'
DJANGO = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]
    operations = [
        {}
    ]
"""
LIQUIBASE_XML = """<?xml version="1.0"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">
  <changeSet id="7" author="ana">{}</changeSet>
</databaseChangeLog>
"""
LIQUIBASE_YAML = """
databaseChangeLog:
  - changeSet:
      id: 7
      author: ana
      changes:
        - {}
"""
LIQUIBASE_SQL = "--liquibase formatted sql\n\n--changeset ana:7\ndrop table old;\n{}\n"
RAILS = "class Limit < ActiveRecord::Migration[7.1]\n{}\nend\n"
EF = """
public partial class Limit : Migration
{{
    protected override void Up(MigrationBuilder migrationBuilder)
    {{
        migrationBuilder.AddColumn<int>(name: "Limit", table: "Payment");
    }}

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder)
    {{
        {}
    }}
}}
"""


def rails(body: str) -> str:
    return RAILS.format("\n".join("  " + line for line in body.split("\n")))


@pytest.mark.parametrize(
    ("path", "text", "expected", "reason"),
    [
        # Alembic
        ("alembic/versions/7.py", ALEMBIC.format('op.drop_table("a")'), YES, "has a downgrade"),
        ("alembic/versions/7.py", ALEMBIC.format("pass"), NO, "downgrade is empty"),
        ("alembic/versions/7.py", ALEMBIC.format("..."), NO, "downgrade is empty"),
        ("alembic/versions/7.py", ALEMBIC.format('"""Nothing."""\n    return None'), NO, "downgrade is empty"),
        ("alembic/versions/7.py", ALEMBIC.format("raise NotImplementedError"), NO, "downgrade raises"),
        ("alembic/versions/7.py", 'def upgrade():\n    op.drop_table("a")\n', NO, "has no downgrade"),
        ("alembic/versions/7.py", "def upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n", YES, "does nothing"),
        ("alembic/versions/7.py", "# almguard: expand-only\n" + ALEMBIC.format("pass"), YES, "expand-only"),
        ("alembic/versions/7.py", "almguard = 'expand-only'\n" + ALEMBIC.format("pass"), NO, "downgrade is empty"),
        # Django
        ("pay/migrations/0002.py", DJANGO.format('migrations.AddField("a", "b", models.IntegerField())'), YES, "every"),
        ("pay/migrations/0002.py", DJANGO.format("migrations.RunPython(forwards, backwards)"), YES, "every"),
        ("pay/migrations/0002.py", DJANGO.format("migrations.RunPython(f, reverse_code=b)"), YES, "every"),
        ("pay/migrations/0002.py", DJANGO.format("migrations.RunPython(f, migrations.RunPython.noop)"), YES, "every"),
        (
            "pay/migrations/0002.py",
            DJANGO.format("migrations.RunPython(forwards)"),
            NO,
            "line 7: RunPython has no reverse_code",
        ),
        ("pay/migrations/0002.py", DJANGO.format("migrations.RunPython(f, reverse_code=None)"), NO, "no reverse_code"),
        ("pay/migrations/0002.py", DJANGO.format('migrations.RunSQL("DROP TABLE a")'), NO, "RunSQL has no reverse_sql"),
        ("pay/migrations/0002.py", DJANGO.format('migrations.RunSQL("A", reverse_sql="B")'), YES, "every"),
        (
            "pay/migrations/0002.py",
            DJANGO.format('migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL("A")])'),
            NO,
            "RunSQL",
        ),
        (
            "pay/migrations/0002.py",
            DJANGO.format('migrations.SeparateDatabaseAndState(state_operations=[migrations.RunSQL("A")])'),
            YES,
            "every",
        ),
        (
            "pay/migrations/0002.py",
            DJANGO.format("Partition()"),
            UNTOLD,
            "Partition is not an operation of Django's own",
        ),
        ("pay/migrations/0002.py", DJANGO.format("*more"), UNTOLD, "computed"),
        ("pay/migrations/0002.py", "class Migration(M):\n    operations = build()\n", UNTOLD, "computed"),
        ("pay/migrations/0002.py", DJANGO.format("Partition(), migrations.RunSQL('A')"), NO, "RunSQL"),
        ("pay/migrations/0002.py", "class Migration(M):\n    dependencies = []\n", YES, "no operations"),
        ("pay/migrations/0002.py", "def f(:", UNTOLD, "does not parse"),
        # SQL scripts
        ("db/V7__limit.sql", "alter table a;", YES, "undone by U7__limit.sql"),
        ("db/V7.1__limit.sql", "alter table a;", NO, "there is no U7.1__"),
        ("other/V7__limit.sql", "alter table a;", NO, "there is no U7__"),
        ("db/V8__limit.sql", "-- almguard: expand-only\nalter table a;", YES, "expand-only"),
        ("db/1.up.sql", "alter table a;", YES, "undone by 1.down.sql"),
        ("db/2.up.sql", "alter table a;", NO, "there is no 2.down.sql"),
        ("db/1.sql", "alter table a;", YES, "undone by 1.down.sql"),
        ("db/3.sql", "-- +goose Up\nalter table a;\n-- +goose Down\ndrop table a;\n", YES, "a section that undoes it"),
        ("db/3.sql", "-- migrate:up\nalter table a;\n-- migrate:down\n-- none\n", NO, "there is no 3.down.sql"),
        # Liquibase
        ("db/changelog/7.xml", LIQUIBASE_XML.format("<createTable tableName='a'/>"), YES, "every change set"),
        ("db/changelog/7.xml", LIQUIBASE_XML.format("<comment>x</comment><addColumn/>"), YES, "every change set"),
        (
            "db/changelog/7.xml",
            LIQUIBASE_XML.format("<dropTable tableName='a'/>"),
            NO,
            "change set 7: dropTable has no rollback",
        ),
        ("db/changelog/7.xml", LIQUIBASE_XML.format("<sql>x</sql><rollback>y</rollback>"), YES, "every change set"),
        ("db/changelog/7.xml", LIQUIBASE_XML.format("<sql>x</sql><rollback/>"), NO, "sql has no rollback"),
        ("db/changelog/7.xml", LIQUIBASE_XML.format("<sql>"), UNTOLD, "does not parse"),
        ("db/changelog/7.xml", "<!DOCTYPE x>" + LIQUIBASE_XML.format(""), UNTOLD, "declares entities"),
        (
            "db/changelog/7.xml",
            LIQUIBASE_XML.format("<!-- almguard: expand-only --><sql>x</sql>"),
            YES,
            "expand-only",
        ),
        ("db/changelog/7.yaml", LIQUIBASE_YAML.format("createTable: {tableName: a}"), YES, "every change set"),
        ("db/changelog/7.yaml", LIQUIBASE_YAML.format("dropTable: {tableName: a}"), NO, "change set 7: dropTable"),
        (
            "db/changelog/7.yml",
            LIQUIBASE_YAML.format("sql: {sql: x}") + "      rollback: [{sql: {sql: y}}]\n",
            YES,
            "every change set",
        ),
        ("db/changelog/7.yaml", "databaseChangeLog: 7", UNTOLD, "is not a list"),
        ("db/changelog/7.yaml", "databaseChangeLog: [", UNTOLD, "does not parse"),
        ("db/changelog/7.yaml", "databaseChangeLog: " + "[" * 101, UNTOLD, "nested too deeply"),
        ("db/changelog/7.sql", LIQUIBASE_SQL.format("--rollback create table old;"), YES, "every change set"),
        ("db/changelog/7.sql", LIQUIBASE_SQL.format(""), NO, "change set ana:7: its SQL has no rollback"),
        ("db/changelog/7.sql", LIQUIBASE_SQL.format("--rollback empty"), NO, "its SQL has no rollback"),
        # Rails
        ("db/migrate/7.rb", rails("def change\n  add_column :a, :b, :integer\nend"), YES, "turned round"),
        ("db/migrate/7.rb", rails('def change\n  execute "x"\nend'), NO, "execute in change cannot be turned round"),
        ("db/migrate/7.rb", rails("def change\n  # execute 'x'\n  add_column :a, :b, :text\nend"), YES, "turned round"),
        ("db/migrate/7.rb", rails("def change\n  change_column :a, :b, :text\nend"), NO, "change_column"),
        ("db/migrate/7.rb", rails("def change\n  change_column_null :a, :b, false\nend"), YES, "turned round"),
        ("db/migrate/7.rb", rails("def change\n  remove_column :a, :b\nend"), NO, "remove_column"),
        ("db/migrate/7.rb", rails("def change\n  remove_column :a, :b, :string\nend"), YES, "turned round"),
        ("db/migrate/7.rb", rails("def change\n  drop_table :a\nend"), NO, "drop_table"),
        ("db/migrate/7.rb", rails("def change\n  drop_table :a do |t|\n  end\nend"), YES, "turned round"),
        (
            "db/migrate/7.rb",
            rails('def change\n  reversible do |d|\n    d.up { execute "x" }\n  end\nend'),
            YES,
            "turned round",
        ),
        ("db/migrate/7.rb", rails('def up\n  execute "x"\nend\n\ndef down\n  execute "y"\nend'), YES, "has a down"),
        ("db/migrate/7.rb", rails('def up\n  execute "x"\nend\n\ndef down\nend'), NO, "no down, or an empty one"),
        ("db/migrate/7.rb", rails('def up\n  execute "x"\nend'), NO, "no down, or an empty one"),
        (
            "db/migrate/7.rb",
            rails('def up\n  execute "x"\nend\n\ndef down\n  raise ActiveRecord::IrreversibleMigration\nend'),
            NO,
            "IrreversibleMigration",
        ),
        # Entity Framework
        (
            "Migrations/7_Limit.cs",
            EF.format('migrationBuilder.DropColumn(name: "Limit", table: "P");'),
            YES,
            "has a Down",
        ),
        ("Migrations/7_Limit.cs", EF.format("if (x) { migrationBuilder.Sql(); }"), YES, "has a Down"),
        ("Migrations/7_Limit.cs", EF.format(""), NO, "Down is missing or empty"),
        ("Migrations/7_Limit.cs", EF.format("// nothing"), NO, "Down is missing or empty"),
        ("Migrations/7_Limit.cs", EF.format("throw new NotSupportedException();"), NO, "its Down throws"),
        ("Migrations/7_Limit.cs", "void Up(M m) { } void Down(M m) { }", YES, "does nothing"),
        ("Migrations/7_Limit.cs", "void Up(M m) { m.Sql(); }", NO, "Down is missing or empty"),
    ],
)
def test_way_back(path: str, text: str, expected: Reversibility, reason: str) -> None:
    found = way_back(path, text, {"db/U7__limit.sql", "db/V7__limit.sql", "db/1.down.sql"})
    assert found is not None
    assert found.reversible is expected, found.reason
    assert reason in found.reason


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pay/migrations/__init__.py", ""),
        ("pay/migrations/helpers.py", "def limit():\n    return 1\n"),
        ("db/U7__limit.sql", "drop table a;"),
        ("db/1.down.sql", "drop table a;"),
        ("db/R__views.sql", "create view a;"),
        ("db/changelog/master.yaml", "databaseChangeLog:\n  - include: {file: a.yaml}\n"),
        ("db/changelog/notes.xml", "<notes/>"),
        ("Migrations/PayModelSnapshot.cs", "class PayModelSnapshot : ModelSnapshot { }"),
        ("db/migrate/README.md", "# Migrations"),
    ],
)
def test_what_is_no_migration(path: str, text: str) -> None:
    assert way_back(path, text, set()) is None


@pytest.mark.parametrize(
    "path",
    [
        "alembic/versions/7.py",
        "src/alembic/versions/7.py",
        "migrations/versions/7.py",
        "pay/migrations/0002_limit.py",
        "src/main/resources/db/migration/V7__limit.sql",
        "src/main/resources/db/migration/U7__limit.sql",
        "db/000001_limit.up.sql",
        "db/000001_limit.down.sql",
        "src/main/resources/db/changelog/db.changelog-7.xml",
        "db/migrate/20260101000000_limit.rb",
        "Pay/Migrations/20260101_Limit.cs",
    ],
)
def test_usual_places_are_covered(path: str) -> None:
    assert matches(path, MIGRATION_GLOBS)


@pytest.mark.parametrize("path", ["src/pay/limits.py", "db/seed.sql", "docs/migrations.md"])
def test_other_files_are_not(path: str) -> None:
    assert not matches(path, MIGRATION_GLOBS)


@given(st.sampled_from([".py", ".sql", ".rb", ".cs", ".xml", ".yaml"]), st.text())
def test_any_text_is_answered(suffix: str, text: str) -> None:
    way_back(f"migrations/x{suffix}", text, set())
    way_back(f"migrations/x{suffix}", "databaseChangeLog" + text, set())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "(" * 50_000),
        ("a.py", "-" * 50_000 + "1"),
        ("a.sql", "-- " * 20_000),
        ("a.sql", "--liquibase formatted sql\n" + "--changeset\n" * 5_000),
        ("a.rb", "def up\n" * 8_000),
        ("a.cs", "void Up(" * 8_000),
        ("a.cs", "void Up(x) {" * 5_000),
        ("a.yaml", "databaseChangeLog: " + "[" * 50_000),
        ("a.xml", "<databaseChangeLog>" * 3_000),
    ],
)
def test_hostile_text_takes_little_time(path: str, text: str) -> None:
    started = time.perf_counter()
    way_back(path, text, set())
    assert time.perf_counter() - started < 3
