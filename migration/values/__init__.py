"""The values: counted before anything is planned (`profile`), then turned into what PostgreSQL receives.

`convert.select_list`, `convert.converter` and `copy_text` belong together: the first says how a row is read,
the second what each value becomes, the third how that is written for COPY.
"""
