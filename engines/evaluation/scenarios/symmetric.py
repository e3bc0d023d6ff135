"""Objects that look the same after some turn: judged by their look, and by their very rotation."""

from .setting import Row, Scenario, Setting, only, row

_ABOUT = "objects of symmetric classes; rotations that look alike are {}"


def _run(setting: Setting, name: str, *, as_they_look: bool) -> Row:
    about = _ABOUT.format("equal" if as_they_look else "different")
    symmetric = setting.data.kinds.symmetric
    keep = [symmetric[truth.classes] for truth in setting.data.images]
    if not any(mask.any() for mask in keep):
        reason = "no object is of a class with symmetries"
        return Row.unmeasured(name, about, reason)
    classes = [found.at(symmetric[found.classes]) for found in setting.found]
    found, truths = only(classes, setting.data.images, keep)
    return row(
        setting,
        name,
        about,
        found=found,
        truths=truths,
        seconds=setting.seconds,
        as_they_look=as_they_look,
    )


SCENARIOS = (
    Scenario("symmetric_on", lambda setting: _run(setting, "symmetric_on", as_they_look=True)),
    Scenario("symmetric_off", lambda setting: _run(setting, "symmetric_off", as_they_look=False)),
)
