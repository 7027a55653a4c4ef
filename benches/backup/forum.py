"""A forum's database, made up: users, threads and posts, and what becomes of them in a day. The same one every time."""

import random
from collections.abc import Callable, Iterator

WORDS = 20_000
# Of 1,000 rows.
USERS, THREADS = 10, 40

SCHEMA = """
CREATE DATABASE IF NOT EXISTS forum;
USE forum;
CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, mail VARCHAR(80) NOT NULL,
    posts INT NOT NULL DEFAULT 0, seen_at DATETIME NOT NULL, KEY (name));
CREATE TABLE threads (id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(200) NOT NULL, author INT NOT NULL,
    views INT NOT NULL DEFAULT 0, KEY (author));
CREATE TABLE posts (id INT PRIMARY KEY AUTO_INCREMENT, thread INT NOT NULL, author INT NOT NULL,
    written_at DATETIME NOT NULL, body MEDIUMTEXT NOT NULL, KEY (thread), KEY (author));
"""


def fill(run: Callable[[Iterator[bytes]], None], size: int) -> None:
    """Has `run` execute the statements that make a database whose rows have about `size` bytes."""
    run(statements(random.Random(1), size))


def statements(chance: random.Random, size: int) -> Iterator[bytes]:
    yield SCHEMA.encode()
    words = vocabulary(chance)
    made = number = 0
    while made < size:
        rows = {"users": [], "threads": [], "posts": []}
        for _ in range(1000):
            number += 1
            kind = number % 1000
            if kind < USERS:
                name = prose(chance, words, 2).replace(" ", "")
                rows["users"].append(f"(NULL,'{name}','{name}@mail.example',{chance.randrange(999)},'2026-01-01')")
            elif kind < USERS + THREADS:
                rows["threads"].append(f"(NULL,'{prose(chance, words, 8)}',{chance.randrange(1, number + 1)},{chance.randrange(9999)})")
            else:
                author, thread = chance.randrange(1, number + 1), chance.randrange(1, number + 1)
                body = prose(chance, words, max(5, int(chance.gauss(90, 60))))
                rows["posts"].append(f"(NULL,{thread},{author},'2026-{number // 1000 % 12 + 1:02}-11 11:11:{number % 60:02}','{body}')")
        for table, values in rows.items():
            statement = f"INSERT INTO {table} VALUES {','.join(values)};\n".encode()
            made += len(statement)
            yield statement


def vocabulary(chance: random.Random) -> list[str]:
    letters = "eeeeetttaaaoooiiinnnssshhrrddlluccmwfgypbvk"
    return ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(WORDS)]


def prose(chance: random.Random, words: list[str], count: int) -> str:
    """So many words, the frequent ones as often as in a language (Zipf)."""
    return " ".join(words[int(WORDS ** chance.random()) - 1] for _ in range(count))


def rows(services) -> int:
    """How many rows there are in all."""
    return int(services.sql("SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM threads) + (SELECT COUNT(*) FROM posts)"))


def a_day(services, total: int) -> None:
    """half of them new posts, a fifth edits of the newest 2 %, the rest counters of threads and users."""
    new, edited, counted = total * 5 // 1000, total * 2 // 1000, total * 3 // 1000
    services.sql(f"""
        SET @last = (SELECT MAX(id) FROM posts);
        INSERT INTO posts (thread, author, written_at, body)
            SELECT thread, author, NOW(), REVERSE(body) FROM posts ORDER BY RAND(1) LIMIT {new};
        UPDATE posts SET body = CONCAT(body, ' edited') WHERE id > @last - {total // 50} AND id <= @last ORDER BY RAND(2) LIMIT {edited};
        UPDATE threads SET views = views + 1 ORDER BY RAND(3) LIMIT {counted * 4 // 5};
        UPDATE users SET posts = posts + 1, seen_at = NOW() ORDER BY RAND(4) LIMIT {counted // 5}""")


def scattered(services, total: int) -> None:
    """every post as likely as any other."""
    services.sql(f"UPDATE posts SET body = CONCAT(body, ' edited again') ORDER BY RAND(5) LIMIT {total // 100}")
