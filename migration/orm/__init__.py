"""The libraries that make SQLite files, and the PostgreSQL schema that each of them would have made itself.

`registry` recognises the library of a file, or takes the user's word. A `profile.OrmProfile` answers the
questions that planning asks; `generic` has the answers for a file of no known library, and every other module
says where its library differs. Pure: nothing is read or written here.
"""
