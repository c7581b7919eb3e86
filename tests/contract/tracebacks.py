"""What a reader sees of a traceback."""


def frames(error):
    """The functions of an error's traceback, outermost first, without the hidden ones."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if not frame.f_locals.get("__tracebackhide__", False):
            found.append((frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        traceback = traceback.tb_next
    return found


def functions(error):
    """Only their names."""
    return [name for _module, name in frames(error)]
