"""The database: schema, migrations, guarded writes and the read queries.

SQLAlchemy is imported here and nowhere else. The verbs that decide what to write are in
`engine`; here nothing decides.
"""
