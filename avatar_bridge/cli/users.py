"""`rdr users`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from avatar_bridge.errors import AvatarError

if TYPE_CHECKING:
    from calibration.store import UserStore
    from calibration.user_model import UserModel


def users(
    action: Annotated[Literal["list", "show", "export", "import", "delete"], tyro.conf.Positional] = "list",
    name: Annotated[str, tyro.conf.Positional] = "",
    file: Annotated[Path | None, tyro.conf.Positional] = None,
    folder: Path | None = None,
    json_output: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """The people whose faces were calibrated: list them, show one, take one elsewhere, forget one.

    Examples:
        rdr users
        rdr users show anna
        rdr users export anna anna.npz
        rdr users export anna anna.glb
        rdr users import anna anna.npz
        rdr users delete anna

    Args:
        action: list; show: how good a calibration is; export: to a file; import: from a file that export wrote, in the
            place of what there is under the name; delete.
        name: Whom.
        file: With export: .npz (all of it, for import), .glb (the avatar with the user's face and 46 morph targets) or
            .obj (the neutral face); with import: the .npz.
        folder: Where user models are; default: the user's data folder.
        json_output: With list and show: as JSON.
    """
    from calibration.store import UserStore

    store = UserStore(folder)
    if (action != "list" and not name) or (action in ("export", "import") and file is None):
        raise AvatarError(f"rdr users {action} needs NAME{' FILE' * (action in ('export', 'import'))}: see --help")
    match action:
        case "list":
            print(_list(store, json_output))
        case "show":
            print(_show(store.load(name), _adapted(store, name), json_output))
        case "export":
            print(f"wrote {_export(store.load(name), Path(str(file)))}")
        case "import":
            print(f"{name} is now what {file} says: {_import(store, name, Path(str(file)))}")
        case "delete":
            from calibration.adapted import forget_adapted

            store.delete(name)
            forget_adapted(store, name)
            print(f"{name} is forgotten")


def _list(store: UserStore, as_json: bool) -> str:
    from calibration.errors import CalibrationError

    rows, lines = [], []
    for name in store.names():
        try:
            user = store.load(name)
        except CalibrationError as error:
            rows.append({"name": name, "error": str(error)})
            lines.append(f"{name:20}{error}")
            continue
        rows.append(_row(user) | {"adapted": _adapted(store, name)})
        quality = user.quality
        lines.append(
            f"{name:20}{_when(user)}  {quality.frames} frames, error {quality.error_percent:.2f} % "
            f"(mean face {quality.mean_face_error_percent:.2f} %){', adapted' * (rows[-1]['adapted'] is not None)}"
        )
    if as_json:
        return json.dumps(rows, indent=2)
    return "\n".join(lines) or f"no users in {store.folder}: rdr calibrate --user NAME makes one"


def _row(user: UserModel) -> dict[str, Any]:
    facts = {"name": user.name, "created_unix_ns": user.created_unix_ns, "face_model": user.face_model}
    return facts | {"own_skin": user.skin_jpeg is not None} | user.quality.as_dict()


def _adapted(store: UserStore, name: str) -> dict[str, Any] | None:
    """The facts of the network that was adapted to a user."""
    from calibration.adapted import find_adapted
    from calibration.errors import AdaptationError

    try:
        found = find_adapted(store, name)
    except AdaptationError as error:
        return {"error": str(error)}
    return None if found is None else found.facts | {"network": found.network.name}


def _network(adapted: dict[str, Any] | None) -> str:
    if adapted is None:
        return "as shipped; rdr adapt fits it to this person"
    if "error" in adapted:
        return str(adapted["error"])
    report = adapted.get("report", {})
    return (
        f"adapted ({adapted.get('licence')}), error on held-out frames {report.get('user_before')} % before, "
        f"{report.get('user_after')} % after"
    )


def _show(user: UserModel, adapted: dict[str, Any] | None, as_json: bool) -> str:
    from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

    if as_json:
        ranges = zip(BLENDSHAPE_NAMES, user.ranges.rest.tolist(), user.ranges.full.tolist(), strict=True)
        return json.dumps(
            _row(user) | {"adapted": adapted} | {"ranges": {name: [rest, full] for name, rest, full in ranges}},
            indent=2,
        )
    quality = user.quality
    low, high = quality.yaw_range_deg
    rows = {
        "user": f"{user.name}, calibrated {_when(user)}",
        "frames": f"{quality.frames}, {quality.left_out} of them left out; yaw {low:.0f} to {high:.0f} degrees",
        "error": f"{quality.error_percent:.2f} % of the face box; mean face {quality.mean_face_error_percent:.2f} %; "
        f"frames held back {quality.held_out_error_percent:.2f} %",
        "identity": f"{quality.distance_from_mean:.2f} standard deviations from the mean face",
        "camera": f"focal length {quality.focal_length_px:.0f} px" if quality.focal_length_px else "weak perspective",
        "skin": "own" if user.skin_jpeg is not None else "the default one",
        "network": _network(adapted),
        "shown": ", ".join(quality.shown) or "nothing that was asked for",
        "advice": "; ".join(quality.advice) or "none: this is a good calibration",
    }
    return "\n".join(f"{name:10}{text}" for name, text in rows.items())


def _when(user: UserModel) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(user.created_unix_ns / 1e9))


def _export(user: UserModel, file: Path) -> Path:
    match file.suffix.lower():
        case ".npz":
            user.save(file)
        case ".glb":
            from avatar_bridge.convert.gltf import write_avatar_glb
            from avatar_bridge.user import user_avatar
            from rdr_core.face_model.blendshape_names import BLENDSHAPE_NAMES

            write_avatar_glb(file, BLENDSHAPE_NAMES, user_avatar(user))
        case ".obj":
            _write_obj(file, user)
        case _:
            raise AvatarError(f"a user is exported as .npz, .glb or .obj, got {file.name}")
    return file


def _write_obj(file: Path, user: UserModel) -> None:
    from rdr_core.atomic import whole_file
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    model = default_face_model()
    user.check_face_model(model)
    vertices = "".join(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in user.mesh_neutral)
    faces = "".join(f"f {a} {b} {c}\n" for a, b, c in model.topology.triangles + 1)
    with whole_file(file) as temporary:
        temporary.write_text(f"# {user.name}, neutral face, cm\n{vertices}{faces}", encoding="ascii")


def _import(store: UserStore, name: str, file: Path) -> Path:
    from dataclasses import replace

    from calibration.user_model import load_user_model
    from rdr_core.face_model.dynamic_expression_model import default_face_model

    user = load_user_model(file)
    user.check_face_model(default_face_model())
    return store.save(replace(user, name=name))
