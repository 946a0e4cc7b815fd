"""Articles, and notes on a machine, for tests of the bench."""

from __future__ import annotations

TOPICS = ("渔业", "联合声明", "气候变化", "经济发展", "粮食价格", "人工智能", "台风")


def post(number: int) -> str:
    topic, other = TOPICS[number % len(TOPICS)], TOPICS[number // 3 % len(TOPICS)]
    return (
        f'---\nlayout: post\ntitle: "第{number}条：{topic}"\ndate: 2024-05-{number % 28 + 1:02}\n'
        f"from: https://news{number % 3}.example.org/{number}\ntags: [ 试验 ]\n---\n\n"
        f"<article><p>记者报道，{topic}与{other}有关，编号{number}。</p>\n"
        f"<p>各地继续推进{other}，中国经济稳中向好。</p><p>这一段来自第{number}篇。</p></article>\n"
    )


MACHINE = {
    "date": "2026-01-01",
    "processor": "x",
    "cores": 2,
    "memory_gb": 4,
    "system": "x",
    "python": "3.11",
    "newsgrep": "0",
    "commit": "x",
    "packages": {},
}
