"""Every message that a registry, a Secret or a URL can bring about: situations, and the golden files of what is said.

To add one: write a coroutine that takes a `Stage`, with `@situation("what is the matter")` before it, into the module
of its kind (or a new one, named in `KINDS` of tests/messages/situations.py). It either raises an error of `errors.py`
or returns a reason and a message. Then `python -m tests.messages` writes tests/data/messages/KIND.yaml anew: read what
it says as somebody on call would (what happened, to what, what to do; is the right one blamed?) before you commit it.
tests/unit/test_messages.py compares.
"""
