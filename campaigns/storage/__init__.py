"""PostgreSQL and Redis: tables, one module per aggregate, migrations, embedded servers."""
