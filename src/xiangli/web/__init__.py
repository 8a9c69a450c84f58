"""The kit of pages: base templates, components, paging, errors, languages.

Owns: templates and static files that no module owns. Knows no module: config puts the actor on the request.
May call: kernel.
"""
