"""Migrations that look as if there were a way back."""

from __future__ import annotations

import pytest

from bot.rules.release.migrations import way_back
from bot.rules.release.way_back import Reversibility

UP = "def upgrade():\n    op.x()\n"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "db/migrate/1.rb",
            "class X\n  def up\n    x\n  end\n  def down; raise ActiveRecord::IrreversibleMigration; end\nend",
            Reversibility.NO,
        ),
        ("db/migrate/1.rb", 'class X\n  def change\n    safety_assured { execute "x" }\n  end\nend', Reversibility.NO),
        ("db/migrate/1.rb", "class X\n  def change\n    remove_columns :a, :b\n  end\nend", Reversibility.NO),
        (
            "db/migrate/1.rb",
            "class X\n  def change\n    remove_columns :a, :b, type: :text\n  end\nend",
            Reversibility.YES,
        ),
        ("alembic/versions/a.py", UP + 'def downgrade():\n    log.info("x")\n    raise X()\n', Reversibility.NO),
        (
            "alembic/versions/a.py",
            'def upgrade():\n    op.execute("-- almguard: expand-only")\ndef downgrade():\n    pass\n',
            Reversibility.NO,
        ),
        ("alembic/versions/a.py", "# almguard: expand-only\n" + UP, Reversibility.YES),
        ("alembic/versions/a.py", "async " + UP, Reversibility.UNTOLD),
        ("m/migrations/1.py", "class M(migrations.Migration):\n    operations=[]\nMigration=M\n", Reversibility.UNTOLD),
        (
            "m/migrations/1.py",
            "class Migration(migrations.Migration):\n    operations=[]\n    operations+=[RunPython(f)]\n",
            Reversibility.UNTOLD,
        ),
        (
            "Migrations/1.cs",
            "void Up(M b) { b.x(); }\nvoid Down(M b) { /* nothing * here */ }",
            Reversibility.NO,
        ),
        (
            "db/changelog/a.yaml",
            'databaseChangeLog:\n- changeSet:\n    id: 1\n    changes: [{sql: {sql: x}}]\n    rollback: " "\n',
            Reversibility.NO,
        ),
    ],
)
def test_told_apart(path: str, text: str, expected: Reversibility) -> None:
    found = way_back(path, text, frozenset())
    assert found is not None
    assert found.reversible is expected
