"""How objects are watched: Kopf brings events, and all of it is supervised (docs/adr/0008-watching.md).

What the API server sends passes `reading` before Kopf sees it; `sights` says how well each kind is watched; `bringing`
is one Kopf operator for one kind; `supervising` starts it over, or gives up.
"""
