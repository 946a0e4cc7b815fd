"""Write newsgrep/query/variants.txt, the regional spellings of ``--variants``: ``make variants``.

They are the names in docs/regional_names.txt, and phrases of OpenCC's tables for Taiwan and Hong
Kong that are common in news and mean the same wherever they are written. Most of its phrases are
terms of computing, or everyday words elsewhere: 文件 is a document in one place and a file in
another. So the phrases that are taken are named below.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from opencc import clib

from newsgrep._io import table_lines
from newsgrep.analysis.characters import fold

ROOT: Final = Path(__file__).resolve().parents[1]
TABLE: Final = ROOT / "newsgrep" / "query" / "variants.txt"

_HEADER: Final = """\
# Regional spellings of names and words, folded; each line is one group, mainland spelling first.
# Made by docs/build_variants.py: do not edit.
"""
_FORWARD: Final = ("TWPhrases", "HKPhrases")
_REVERSE: Final = ("TWPhrasesRev", "HKPhrasesRev")
_MAINLAND: Final = """
    借记卡 冈比亚 列支敦士登 南卡罗来纳 北卡罗来纳 威斯康星 康涅狄格 巴巴多斯 几内亚比绍 概率 榴莲
    汉坦病毒 抑郁症 氨基酸 纳米 白细胞 红细胞 脑梗 莱索托 血红蛋白 苏里南 互联网 佛得角
    弗吉尼亚 帕金森病 心肌梗死 塞舌尔 加蓬 新罕布什尔 施特劳斯 屏幕 触摸屏 笔记本电脑
    打印机 鼠标 硬盘 u盘 移动电话 操作系统 网吧 网络 视频会议 程序员 首席执行官 首席信息官
    首席技术官 首席运营官 集成电路 晶体管 二恶英 多动症 孤独症 甲型肝炎 乙型肝炎 甲肝 乙肝 丙肝
    多米尼加 俄勒冈 俄克拉何马 俄克拉荷马 伊利诺伊 马萨诸塞 艾奥瓦 阿司匹林
    格林纳达 圣马力诺 圣卢西亚 肖邦 德彪西 柏辽兹 肖斯塔科维奇 前列腺 胰腺 痴呆症 老年痴呆症
    门户网站 源代码 录像 市场营销 塑料 云计算 密钥 信息技术 信息安全 信号 圭亚那 瓦格纳 莫扎特
    光盘 分辨率 摄像头 咖喱 艾滋病人 艾滋病毒 阿拉伯联合酋长国 伯利兹 苏丹 像素 台式机 数字电视
    超声波 蹦极 方便面 知识产权 奥巴马 诺兰 兼容 便携式 人工智能 服务器 芯片 软件 硬件 数据库
"""
_TAKEN: Final = frozenset(_MAINLAND.split())
"""Mainland spellings, folded, whose phrases are taken; other phrases are not."""
_NOT_TAKEN: Final = frozenset(
    {
        ("诺兰", "路兰"),
        ("脑梗", "脑梗塞"),
        ("便携式", "行动式"),
        ("密钥", "金钥"),  # found in 金钥匙
        ("伯利兹", "贝里斯"),  # also a name of persons
        ("血红蛋白", "血红素"),  # heme in the mainland
    }
)
"""Pairs that are left out: one spelling is part of the other, or has another meaning, too."""


def phrases() -> Iterator[tuple[str, str]]:
    """Yield the pairs of OpenCC that are taken, folded, the mainland spelling first."""
    root = Path(clib.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        for name in (*_FORWARD, *_REVERSE):
            source = root / "share" / "opencc" / f"{name}.ocd2"
            text = Path(folder) / f"{name}.txt"
            forms = ("-f", "ocd2", "-t", "text")
            subprocess.run(  # noqa: S603 - OpenCC's own program
                [root / "bin" / "opencc_dict", "-i", source, "-o", text, *forms],
                check=True,
                capture_output=True,
            )
            for line in text.read_text("utf-8").splitlines():
                key, _, values = line.partition("\t")
                for value in values.split(" "):
                    pair = (value, key) if name in _REVERSE else (key, value)
                    mainland, other = fold(pair[0]), fold(pair[1])
                    if mainland in _TAKEN and (mainland, other) not in _NOT_TAKEN:
                        yield mainland, other


def groups(named: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the spellings of two or more characters by their first one, without it, folded."""
    found: dict[str, list[str]] = {}
    rows = [[fold(word) for word in line.split()] for line in named if line]
    for first, *others in (*rows, *pairs):
        for other in others:
            known = found.setdefault(first, [])
            usable = other != first and other not in known and "·" not in first + other
            if usable and min(len(first), len(other)) > 1:
                known.append(other)
    return {first: others for first, others in found.items() if others}


def build() -> str:
    """Return the table as text."""
    named = table_lines(str(Path(__file__)), "regional_names.txt")
    rows = sorted(" ".join((first, *others)) for first, others in groups(named, phrases()).items())
    return _HEADER + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.write_text(build(), "utf-8")
