"""ASF and AMC: every damage is a clear error that names file and line; no rubbish gets through."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.formats import asf_amc
from mwx.motion.formats.asf_amc import read_amc, read_asf

ASF = """:units
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   orientation 0 0 0
:bonedata
  begin
     name lfemur
     direction 0 -1 0
     length 8
     axis 0 0 20 XYZ
     dof rx ry rz
  end
  begin
     name ltibia
     direction 0 -1 0
     length 7
     axis 0 0 0 XYZ
     dof rx
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""
FRAME = "{}\nroot 1 20 3 0 0 0\nlfemur 0 0 5\nltibia 7\n"
AMC = ":DEGREES\n" + "".join(FRAME.format(i) for i in (1, 2, 3))


def read(folder: Path, asf: str | bytes = ASF, amc: str | bytes = AMC) -> MotionClip:
    for name, content in (("s.asf", asf), ("s.amc", amc)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_amc(folder / "s.amc", read_asf(folder / "s.asf"))


def test_the_files_are_good_before_they_are_spoilt(tmp_path: Path) -> None:
    assert read(tmp_path).positions_w.shape == (3, 3, 3)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("length 0.45", "length 0", "s.asf: damaged .*above 0"),
    ("length 0.45", "length -1", "above 0"),
    ("length 0.45", "length nan", "not finite"),
    ("length 0.45", "mass 1", "no 'length'"),
    ("order TX TY TZ", "order TX TX TZ", "channels tx, tx.*each once"),
    ("order TX", "order QX", "channels qx"),
    ("axis XYZ", "axis XYQ", "about 'XYQ'"),
    ("orientation 0 0 0", "orientation 0 0", "2 angles"),
    ("direction 0 -1 0", "direction 0 -1", "s.asf:9: damaged .*'lfemur': direction has 2"),
    ("direction 0 -1 0", "direction 0 inf 0", "s.asf:9: .*not finite"),
    ("length 8", "length eight", "s.asf:9: .*'lfemur'.*eight"),
    ("length 8", "", "s.asf:9: .*no 'length'"),
    ("axis 0 0 20 XYZ", "axis 0 0 XYZ", "s.asf:9: damaged"),
    ("dof rx ry rz", "dof rx ry rq", "s.asf:9: .*channels rx, ry, rq"),
    ("name ltibia", "name lfemur", "s.asf:16: .*one of this name already"),
    ("name ltibia", "name root", "s.asf:16: .*one of this name already"),
    ("  end\n  begin\n     name ltibia", "  begin\n     name ltibia", "'begin' where none belongs"),
    ("  begin\n     name lfemur", "     name lfemur", "'end' where none belongs"),
    ("     dof rx\n  end", "     dof rx", "s.asf:16: .*no 'end'"),
    ("root lfemur", "ltibia lfemur", "hang on nothing: lfemur, ltibia"),
    (":hierarchy", ":pedigree", "no ':hierarchy' section"),
])
def test_spoilt_skeletons_name_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ASF
    with pytest.raises(MwxError, match=message) as error:
        read(tmp_path, asf=ASF.replace(old, new, 1))
    assert "s.asf" in str(error.value)


@pytest.mark.parametrize(("amc", "message"), [
    ("", "no AMC motion: it has no frames"),
    (":DEGREES\n", "it has no frames"),
    (":DEGREES\n1\n2\n", "frame 1 has no 'root'"),
    (FRAME.format(1), "1 frames, a motion needs at least 2"),
    (AMC.replace("ltibia 7", "ltibia 7\nltibia 7", 1), "s.amc:6: frame 1 has 'ltibia' twice"),
    (AMC.replace("ltibia 7\n", "", 1), "s.amc:8: frame 2 has 'ltibia' and frame 1 has not"),
    (AMC[:-9], "cut short or damaged: frame 3 lacks ltibia"),
    (AMC[:-6], "s.amc: cut short: it ends inside line 13, 'lti'"),
    (AMC[:-2], "s.amc:13: 0 values for 'ltibia', s.asf has 1"),
    (AMC.replace("lfemur 0 0 5", "lfemur 0 0 5 5", 1), "s.amc:4: 4 values for 'lfemur'"),
    (AMC.replace("ltibia 7", "ltibia inf", 1), "s.amc:5: 'ltibia' is not a number there"),
    (AMC.replace("ltibia 7", "ltibia x", 1), "s.amc:5: 'x' are not numbers"),
    (AMC.replace("root 1 20", "root 1e308 1e308"), "s.amc:3: 'root' is not a number there"),
    (b"\x00\xff\xd8" * 30, "s.amc:1: not a text file"),
    ("1" * 30_000, "s.amc:1: 30000 characters in one line"),
])
def test_spoilt_motions_name_the_line(tmp_path: Path, amc: str | bytes, message: str) -> None:
    with pytest.raises(MwxError, match=message) as error:
        read(tmp_path, amc=amc)
    assert "s.amc" in str(error.value)


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asf_amc, "MAX_SIZE", 6)  # two frames of three points
    with pytest.raises(MwxError, match=r"s\.amc:10: more than 2 frames; cut"):
        read(tmp_path)
    monkeypatch.setattr(asf_amc, "MAX_BONES", 1)
    with pytest.raises(MwxError, match=r"s\.asf:9: more than 1 bones"):
        read(tmp_path)
    monkeypatch.setattr("mwx.motion.formats.text.MAX_BYTES", 10)
    with pytest.raises(MwxError, match=r"s\.asf: 0 MB; up to"):
        read(tmp_path)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), skeleton=st.booleans())
def test_rubbish_never_raises_anything_else(tmp_path: Path, data: st.DataObject,
                                            skeleton: bool) -> None:
    whole = (ASF if skeleton else AMC).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 60)))
    patch = data.draw(st.one_of(st.binary(max_size=10), st.sampled_from(
        [b" nan ", b" 1e999 ", b"\nend\n", b"\nbegin\n", b" root ", b"\n4\n", b"\n:units\n", b"#",
         b"()", "½".encode()])))
    spoilt = whole[:start] + patch + whole[end:]
    try:
        clip = read(tmp_path, **{"asf" if skeleton else "amc": spoilt})
    except MwxError as error:
        assert "s.asf" in str(error) or "s.amc" in str(error)
    else:
        assert np.isfinite(clip.positions_w).all()
