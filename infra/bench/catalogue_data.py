"""A generated catalogue for ``make bench-catalogue``: as many models as asked, with the skew that hubs have.

Texts are drawn here and sent by COPY; everything else is made inside the server. Power laws throughout: few creators,
tags, words and models have most of everything; publication dates follow the life of their base.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

SEED = 7
REAL_WORDS = """
anime girl style realistic portrait landscape city night light paper ink neon linocut watercolor oil paint photo
film grain vintage retro pixel art comic manga cyberpunk steampunk fantasy dragon castle forest ocean harbour
mountain sunset dawn rain snow fog space robot mecha armor knight elf witch cat dog fox wolf horse bird fish flower
garden tree house street car train ship plane food fruit glass metal gold silver stone wood cloth dress hair eyes
hands face smile pose detail lighting cinematic studio macro isometric voxel toy clay lego sculpture statue mask
tattoo poster logo icon sticker sketch pencil charcoal pastel gouache fresco mosaic stained tile pattern texture
background concept character chibi cute dark gothic horror dreamy surreal abstract minimal flat vector line hatch
print etching woodcut engraving blueprint map diagram mix merge v1 v2 v3 xl turbo lightning lcm slider enhancer
detailer fix color contrast sharp blur bokeh depth
""".split()  # noqa: SIM905
TYPES = {
    "LORA": 710, "Checkpoint": 120, "TextualInversion": 60, "LoCon": 50, "DoRA": 12, "Hypernetwork": 6, "Controlnet": 8,
    "VAE": 6, "Upscaler": 5, "MotionModule": 4, "TextEncoder": 3, "CLIPVision": 1, "Other": 15,
}  # fmt: skip
LEVELS = {1: 46, 3: 22, 7: 9, 15: 6, 31: 8, 5: 2, 9: 1, 13: 1, 29: 1, 28: 2, 16: 1, 2: 1}
TOP_BASES = {"SDXL 1.0": 240, "SD 1.5": 200, "Pony": 130, "Illustrious": 120, "Flux.1 D": 70, "NoobAI": 30, "SD 1.4": 5}


class Catalogue:
    """The sizes of a catalogue, and the connection that it is written through."""

    def __init__(self, connection: Any, models: int, say: Callable[[str], None]) -> None:
        self.connection, self.models, self.say = connection, models, say
        self.pictures, self.prompts = 10 * models, 2 * models
        self.users, self.tags = max(models // 5, 100), max(models // 50, 50)
        self.rng = np.random.default_rng(SEED)
        self.versions = self.rows("SELECT count(*) FROM catalog_version")[0][0]
        self.began = time.monotonic()

    def run(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def copy(self, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
        """Lines of COPY's text format, sent in pieces."""
        lines = iter(lines)
        with self.connection.cursor() as cursor:
            while piece := list(itertools.islice(lines, 20_000)):
                data = io.StringIO("\n".join(piece) + "\n")
                cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", data)

    def told(self, what: str) -> None:
        self.say(f"{time.monotonic() - self.began:6.0f} s  {what}")

    # Draws

    def zipf(self, most: int, size: int, power: float) -> Any:
        """``size`` numbers below ``most``; the higher the power, the more of them are small."""
        return np.minimum((most * self.rng.random(size) ** power).astype(np.int64), most - 1)

    def chosen(self, weights: dict[Any, int], size: int) -> Any:
        values = np.array(list(weights), dtype=object)
        shares = np.array(list(weights.values()), dtype=float)
        return values[self.rng.choice(len(values), size, p=shares / shares.sum())]


def words(size: int = 30_000) -> list[str]:
    """Words people use first, then made-up ones that can be pronounced."""
    made, draw = dict.fromkeys(REAL_WORDS), random.Random(SEED)
    while len(made) < size:
        made["".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))] = None
    return list(made)


def fill(connection: Any, models: int, say: Callable[[str], None] = print) -> bool:
    """Write the tables step by step, but for what an earlier run wrote. Returns whether anything was written."""
    made = Catalogue(connection, models, say)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
    steps: list[tuple[Callable[[Catalogue], None], list[str]]] = [
        (_people, ["accounts_user"]),
        (_models, ["catalog_tag", "catalog_model", "catalog_model_tags"]),
        (_versions, ["catalog_version"]),
        (_files, ["catalog_blob", "catalog_file"]),
        (_digests, ["catalog_digest"]),
        (_stats, ["catalog_modelstat", "catalog_versionstat"]),
        (_pictures, ["gallery_picture"]),
        (_uses, ["gallery_pictureuse"]),
        (_prompts, ["prompts_prompt", "prompts_prompt_tags", "prompts_example"]),
        (_listings, ["catalog_listing"]),
        (_texts, ["catalog_text"]),
    ]
    made.run("CREATE TABLE IF NOT EXISTS bench_done (step text)")
    made.run("CREATE TABLE IF NOT EXISTS bench_index (step text, sql text)")
    done = {name for (name,) in made.rows("SELECT step FROM bench_done")}
    done_now = False
    for step, tables in steps:
        name = step.__name__.strip("_")
        if name in done:
            continue
        without_indexes(made, name, tables)
        with_defaults(made, tables)
        for table in reversed(tables):  # what a run that was cut off left
            made.run(f"DELETE FROM {table}" if table == "accounts_user" else f"TRUNCATE {table} CASCADE")
        step(made)
        made.told(f"{name}: rows")
        for number, (sql,) in enumerate(made.rows(f"SELECT sql FROM bench_index WHERE step = '{name}'")):
            made.run(sql)
            made.told(f"{name}: index {number + 1}")
        made.run(f"INSERT INTO bench_done VALUES ('{name}')")
        done_now = True
        for table in tables:
            if made.rows(
                f"SELECT 1 FROM information_schema.columns WHERE table_name = '{table}' AND is_identity = 'YES'"
            ):
                made.run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
            made.run(f"VACUUM ANALYZE {table}")
    return done_now


def without_indexes(made: Catalogue, step: str, tables: Iterable[str]) -> None:
    """Drop what slows loading, and note the statements that make it again; primary keys stay."""
    for table in tables:
        for name, definition in made.rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = '{table}'::regclass AND contype = 'u'"
        ):
            _noted(made, step, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
            made.run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, definition in made.rows(
            "SELECT indexname, indexdef FROM pg_indexes i JOIN pg_class c ON c.relname = i.indexname "
            f"JOIN pg_index x ON x.indexrelid = c.oid WHERE tablename = '{table}' AND NOT indisprimary"
        ):
            _noted(made, step, definition)
            made.run(f"DROP INDEX {name}")


NOTHING = {
    "boolean": "false",
    "jsonb": "'{}'",
    "ARRAY": "'{}'",
    "character varying": "''",
    "text": "''",
    "bytea": "''",
    "tsvector": "''",
}


def with_defaults(made: Catalogue, tables: Iterable[str]) -> None:
    """Columns that the steps here do not name hold nothing, also those that later migrations add."""
    for table in tables:
        for column, kind in made.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE is_nullable = 'NO' AND "
            f"column_default IS NULL AND is_identity = 'NO' AND table_name = '{table}'"
        ):
            nothing = NOTHING.get(kind, "now()" if kind.startswith("timestamp") else "0")
            made.run(f'ALTER TABLE {table} ALTER COLUMN "{column}" SET DEFAULT {nothing}')


def _noted(made: Catalogue, step: str, sql: str) -> None:
    with made.connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_index VALUES (%s, %s)", [step, sql])


def _people(made: Catalogue) -> None:
    made.run(f"""INSERT INTO accounts_user (id, username, email, password, is_superuser, is_staff, is_active, date_joined, role)
        SELECT g, 'user' || g, 'user' || g || '@example.org', '!', false, false, true, now(), 'member'
        FROM generate_series(1, {made.users}) g ON CONFLICT DO NOTHING""")


def _models(made: Catalogue) -> None:
    made.run(f"INSERT INTO catalog_tag (id, name) SELECT g, 'tag ' || g FROM generate_series(1, {made.tags}) g")
    known = words()
    for number, word in enumerate(REAL_WORDS[: made.tags // 2]):
        made.run(f"UPDATE catalog_tag SET name = '{word}' WHERE id = {number + 1} AND NOT EXISTS "
                 f"(SELECT 1 FROM catalog_tag WHERE name = '{word}')")  # fmt: skip
    n = made.models
    types, levels = made.chosen(TYPES, n), made.chosen(LEVELS, n)
    owners = made.zipf(made.users, n, 2) + 1
    lengths, about = made.rng.integers(1, 4, n), made.rng.integers(5, 30, n)
    picked = iter(made.zipf(len(known), int((lengths + about).sum()), 2.6))
    uses = made.chosen({"{Image,RentCivit,Rent,Sell}": 50, "{Image,RentCivit}": 25, "{RentCivit}": 10, "{}": 15}, n)
    flags = made.rng.random((n, 3))
    status = made.chosen({"published": 92, "draft": 8}, n)

    def line(i: int) -> str:
        name = " ".join(known[next(picked)] for _ in range(lengths[i])).title()
        text = " ".join(known[next(picked)] for _ in range(about[i]))
        slug = f"{name.lower().replace(' ', '-')}-{i + 1}"
        told = [i + 1, owners[i], name, slug, types[i], text, status[i], levels[i]]
        told += ["t" if flag < share else "f" for flag, share in zip(flags[i], (0.7, 0.85, 0.8), strict=True)]
        return "\t".join(map(str, [*told, uses[i], "f", "2026-01-01", "2026-01-01", "2026-01-01"]))

    columns = ["id", "owner_id", "name", "slug", "type", "description", "status", "level", "allow_no_credit",
               "allow_derivatives", "allow_different_licence", "allow_commercial_use", "public_wanted", "created_at",
               "updated_at", "published_at"]  # fmt: skip
    made.copy("catalog_model", columns, (line(i) for i in range(n)))
    counts = made.rng.integers(1, 11, n)
    tags = made.zipf(made.tags, int(counts.sum()), 3) + 1
    owners_of = np.repeat(np.arange(1, n + 1), counts)
    pairs = np.unique(owners_of * (made.tags + 1) + tags)
    rows = (f"{pair // (made.tags + 1)}\t{pair % (made.tags + 1)}" for pair in pairs)
    made.copy("catalog_model_tags", ["model_id", "tag_id"], rows)


def _versions(made: Catalogue) -> None:
    bases = dict(made.rows("SELECT name, id FROM catalog_base"))
    weights = {number: TOP_BASES.get(name, 3) for name, number in bases.items()}
    ids = np.array(list(weights))
    eras = {number: made.rng.integers(0, 1200) for number in ids}  # days after the first
    eras |= {bases[name]: begun for name, begun in {"SD 1.4": 0, "SD 1.5": 60, "SDXL 1.0": 330, "Pony": 560,
                                                   "Flux.1 D": 700, "Illustrious": 760, "NoobAI": 790}.items()}  # fmt: skip
    known, n = words(), made.models
    chosen = made.chosen(weights, n)
    begun = np.array([eras[base] for base in chosen]) + made.rng.gamma(1.5, 160, n)
    begun = np.minimum(begun, 1400 + made.rng.random(n) * 50)
    counts = np.minimum(made.rng.geometric(0.5, n), 12)
    spare = made.rng.random(n)
    picked = iter(made.zipf(len(known), int(counts.sum()) * 2, 2.2))
    other = iter(made.chosen(weights, int(counts.sum())))
    gaps = iter(made.rng.gamma(1, 25, int(counts.sum())))

    def lines() -> Iterable[str]:
        number = 0
        for model in range(n):
            day, base = begun[model], chosen[model]
            for index in range(counts[model]):
                number += 1
                if index and spare[model] < 0.2:
                    base = next(other)
                day = min(day + (next(gaps) if index else 0), 1450)
                trigger = f"{known[next(picked)]} {known[next(picked)]}"
                yield "\t".join(map(str, [number, model + 1, counts[model] - index - 1, f"v{index + 1}", base, "Standard",
                    "", "{" + trigger + "}", 1, -1, 2, "{}", "f", "published", "f", "", _at(day), _at(day), _at(day)]))  # fmt: skip

    columns = ["id", "model_id", "index", "name", "base_id", "base_variant", "description", "trigger_words", "weight",
               "weight_min", "weight_max", "training", "hide_training", "status", "publish_when_ready", "cover_sha256",
               "created_at", "updated_at", "published_at"]  # fmt: skip
    made.copy("catalog_version", columns, lines())
    made.versions = int(counts.sum())
    made.run("""UPDATE catalog_version SET cover_sha256 = md5('p' || (id * 5)) || md5('q' || (id * 5)),
        cover_width = 512, cover_height = 512 WHERE id % 20 > 0""")


def _at(day: float) -> str:
    second = int(day * 86400) + 1_664_582_400  # 1 October 2022
    return time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(second)).replace(
        "+00", f".{int(day * 1e6) % 1000000:06d}+00"
    )


def _files(made: Catalogue) -> None:
    made.run("""INSERT INTO catalog_blob (sha256, size, git_oid, rules, created_at)
        SELECT md5('b' || id) || md5('c' || id), 1000000 + id, '', '', now() FROM catalog_version""")
    made.run("""INSERT INTO catalog_file (id, version_id, blob_id, name, kind, adapter, format, precision, size_kind, "primary",
        verdict, lifted, findings, summary, metadata, tier, scans, created_at)
        SELECT v.id, v.id, md5('b' || v.id) || md5('c' || v.id), replace(m.slug, '-', '_') || '_' || v.name || '.safetensors',
        'Model', CASE WHEN m.type = 'Checkpoint' THEN 'base' WHEN m.type IN ('LORA', 'LoCon', 'DoRA') THEN 'lora' ELSE '' END,
        CASE WHEN v.id % 20 = 0 THEN 'PickleTensor' WHEN v.id % 33 = 0 THEN 'GGUF' ELSE 'SafeTensor' END, 'fp16', 'pruned',
        true, 'accepted', false, '[]', '{}', '{}', '', '[]', now() FROM catalog_version v JOIN catalog_model m ON m.id = v.model_id""")


def _digests(made: Catalogue) -> None:
    made.run("""INSERT INTO catalog_digest (digest, kind, file_id, version_id, model_id)
        SELECT CASE k WHEN 1 THEN decode(f.blob_id, 'hex') WHEN 2 THEN substr(decode(md5('2' || f.id), 'hex'), 1, 4)
            WHEN 3 THEN substr(decode(md5('3' || f.id), 'hex'), 1, 6) WHEN 4 THEN substr(decode(md5('4' || f.id), 'hex'), 1, 4)
            ELSE decode(md5('5' || f.id) || md5('6' || f.id), 'hex') END, k, f.id, f.version_id, v.model_id
        FROM catalog_file f JOIN catalog_version v ON v.id = f.version_id, generate_series(1, 5) k""")


def _stats(made: Catalogue) -> None:
    made.run("SELECT setseed(0.5)")
    made.run("""INSERT INTO catalog_modelstat (model_id, downloads, likes, pictures)
        SELECT id, d, (d * (0.02 + random() * 0.2))::int, (power(random(), 6) * 300)::int
        FROM (SELECT id, least(25 * power(1 - random(), -0.85) - 25, 4000000)::int d FROM catalog_model) m""")
    made.run("""INSERT INTO catalog_versionstat (version_id, downloads)
        SELECT v.id, s.downloads / 2 FROM catalog_version v JOIN catalog_modelstat s ON s.model_id = v.model_id""")


def _pictures(made: Catalogue) -> None:
    step = 1_000_000
    for start in range(1, made.pictures + 1, step):
        made.run(f"""INSERT INTO gallery_picture (id, owner_id, sha256, width, height, recipe, recipe_digest, blurhash, seconds,
            level, visible, likes, created_at)
            SELECT g, 1 + floor({made.users} * power(random(), 2)), md5('p' || g) || md5('q' || g), 512,
            CASE WHEN g % 3 = 0 THEN 768 ELSE 512 END, jsonb_build_object('base', md5('b' || g) || md5('c' || g), 'base_family',
            'sd1', 'base_name', 'SD 1.5', 'prompt', 'a ' || md5('w' || g), 'seed', g, 'steps', 20), md5('d' || g) || md5('e' || g),
            'LEHV6nWB2yk8pyo0adR*.7kCMdnj', 2, CASE WHEN r < 0.62 THEN 1 WHEN r < 0.8 THEN 2 WHEN r < 0.9 THEN 4 WHEN r < 0.96
            THEN 8 ELSE 16 END, g % 33 > 0, floor(power(random(), 12) * 3000), '2022-10-01'::timestamptz +
            interval '1 second' * (g * {1450 * 86400 / made.pictures})
            FROM (SELECT g, random() r FROM generate_series({start}, {min(start + step - 1, made.pictures)}) g) x""")


def _uses(made: Catalogue) -> None:
    step = 2_000_000
    for start in range(1, made.pictures + 1, step):
        # A version's pictures by a power law; every second picture has its base noted as well.
        made.run(f"""INSERT INTO gallery_pictureuse (picture_id, version_id, weight)
            SELECT g, 1 + floor({int(made.versions * 0.98)} * power(random(), 1.8)), 0.8
            FROM generate_series({start}, {min(start + step - 1, made.pictures)}) g
            UNION ALL SELECT g, {made.versions} - floor({max(made.versions // 100, 1)} * power(random(), 2))::int, NULL
            FROM generate_series({start}, {min(start + step - 1, made.pictures)}) g WHERE g % 2 = 0""")


def _prompts(made: Catalogue) -> None:
    known, n = words(), made.prompts
    lengths = made.rng.integers(8, 26, n)
    picked = iter(made.zipf(len(known), int(lengths.sum()), 2.6))
    owners = made.zipf(made.users, n, 2) + 1
    licences = made.chosen({"cc0": 60, "cc-by": 25, "cc-by-nc": 10, "private-use": 5}, n)
    families = made.chosen({"": 50, "sdxl": 30, "sd1": 20}, n)
    flags, runs = made.rng.random((n, 3)), (made.rng.random(n) ** 9 * 5000).astype(int)

    def line(i: int) -> str:
        text = ", ".join(known[next(picked)] for _ in range(lengths[i]))
        title = text[:50].rsplit(",", 1)[0] or "prompt"
        recipe = {"base": "", "base_family": "", "prompt": text, "negative": "blurry"}
        told = [i + 1, owners[i], title, json.dumps(recipe), licences[i]]
        told += ["t" if flag < share else "f" for flag, share in zip(flags[i], (0.05, 0.1, 0.3), strict=True)]
        return "\t".join(map(str, [*told, families[i], f"{i:064x}", runs[i], "2026-01-01", "2026-01-01"]))

    columns = ["id", "owner_id", "title", "recipe", "licence", "private", "template", "stacked", "family", "digest",
               "runs", "created_at", "updated_at"]  # fmt: skip
    made.copy("prompts_prompt", columns, (line(i) for i in range(n)))
    made.told("prompts: texts")
    made.run(f"""INSERT INTO prompts_prompt_tags (prompt_id, tag_id)
        SELECT g, t FROM (SELECT DISTINCT g, 1 + floor({made.tags} * power(random(), 3))::int t
        FROM generate_series(1, {n}) g, generate_series(1, 2)) x""")
    made.run(f"""INSERT INTO prompts_example (prompt_id, picture_id)
        SELECT g, 1 + (g::bigint * 7919) % {made.pictures} FROM generate_series(1, {n}) g WHERE g % 2 = 0""")
    made.run("""CREATE TEMP TABLE docs AS SELECT id, setweight(to_tsvector('simple', title), 'A') ||
        setweight(to_tsvector('simple', recipe->>'prompt'), 'C') doc FROM prompts_prompt""")
    made.run("CREATE UNIQUE INDEX ON docs (id); ANALYZE docs")
    made.run("UPDATE prompts_prompt p SET doc = d.doc FROM docs d WHERE d.id = p.id")
    made.run("DROP TABLE docs")
    made.run("VACUUM FULL prompts_prompt")


def _listings(made: Catalogue) -> None:
    """As `hub.catalog.listings.listing_refresh` writes them, of all models at once."""
    from hub.catalog import terms
    from hub.catalog.listings import DRAWN_FAMILIES, STACKED

    def cases(column: str, kind: int, words: Iterable[str]) -> str:
        return f"CASE {column} " + " ".join(f"WHEN '{w}' THEN {terms.named(kind, w)}" for w in words) + " END"

    def key(column: str) -> str:
        return f"CASE WHEN {column} < 10 THEN {column} ELSE floor(exp(floor(ln({column}) * 10) / 10)) END"

    formats = ("SafeTensor", "PickleTensor", "GGUF")
    flags = {"no-credit": "m.allow_no_credit", "derivatives": "m.allow_derivatives",
             "relicense": "m.allow_different_licence", "try": "r.can"}  # fmt: skip
    flags |= {use: f"'{use}' = ANY(m.allow_commercial_use)" for use in terms.USES}
    may = " || ".join(f"CASE WHEN {c} THEN ARRAY[{terms.may(n)}] ELSE '{{}}' END" for n, c in flags.items())
    uses = " + ".join(f"CASE WHEN {flags[use]} THEN {1 << bit} ELSE 0 END" for bit, use in enumerate(terms.USES))
    adapters = ", ".join(f"'{slug}'" for slug in ("base", *STACKED))
    families = ", ".join(f"'{family}'" for family in DRAWN_FAMILIES)
    made.run(f"""CREATE TEMP TABLE tagged AS SELECT model_id, array_agg({terms.term(terms.TAG, 0)} | tag_id) t
        FROM catalog_model_tags GROUP BY model_id""")
    made.run("CREATE UNIQUE INDEX ON tagged (model_id); ANALYZE tagged")
    # `terms.triggered`: words here are folded already.
    made.run(f"""CREATE TEMP TABLE worded AS SELECT model_id, array_agg(DISTINCT ({terms.TRIGGERS} |
        (crc32(convert_to(word, 'UTF8')) & {terms.TRIGGERS - 1}))::int) t
        FROM catalog_version, unnest(trigger_words) word GROUP BY model_id""")
    made.run("CREATE UNIQUE INDEX ON worded (model_id); ANALYZE worded")
    made.run(f"""INSERT INTO catalog_listing (model_id, base_id, version_id, creator_id, type, level, published_at, downloads,
        likes, pictures, lead, newer, can_generate, no_credit, derivatives, relicense, uses, terms)
        SELECT r.model_id, r.base_id, r.id, m.owner_id, m.type, m.level, r.published_at, {key("s.downloads")},
        {key("s.likes")}, {key("s.pictures")}, later = '{{}}', later, r.can, m.allow_no_credit, m.allow_derivatives,
        m.allow_different_licence, {uses},
        ARRAY[{cases("m.type", terms.TYPE, TYPES)}, {terms.term(terms.BASE, 0)} | r.base_id,
        {cases("r.format", terms.FORMAT, formats)}] || coalesce(t.t, '{{}}') || {may} || w.t
        FROM (SELECT n.*, coalesce(array_agg(n.base_id) OVER (PARTITION BY n.model_id ORDER BY n.published_at DESC, n.id DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '{{}}') AS later FROM (SELECT DISTINCT ON (v.model_id, v.base_id)
        v.id, v.model_id, v.base_id, v.published_at, f.format, b.family IN ({families}) AND f.adapter IN ({adapters})
        AND f.format <> 'GGUF' AS can FROM catalog_version v JOIN catalog_base b ON b.id = v.base_id
        JOIN catalog_file f ON f.version_id = v.id ORDER BY v.model_id, v.base_id, v.published_at DESC, v.id DESC) n) r
        JOIN catalog_model m ON m.id = r.model_id JOIN catalog_modelstat s ON s.model_id = m.id
        JOIN worded w ON w.model_id = m.id LEFT JOIN tagged t ON t.model_id = m.id WHERE m.status = 'published'""")


def _texts(made: Catalogue) -> None:
    made.run("""CREATE TEMP TABLE said AS SELECT v.model_id, string_agg(v.trigger_words[1], ' ') AS triggers,
        string_agg(replace(replace(f.name, '.safetensors', ''), '_', ' '), ' ') AS files
        FROM catalog_version v JOIN catalog_file f ON f.version_id = v.id GROUP BY v.model_id""")
    made.run("CREATE UNIQUE INDEX ON said (model_id); ANALYZE said")
    made.run("""CREATE TEMP TABLE called AS SELECT model_id, string_agg(name, ' ') AS tags
        FROM catalog_model_tags JOIN catalog_tag t ON t.id = tag_id GROUP BY model_id""")
    made.run("CREATE UNIQUE INDEX ON called (model_id); ANALYZE called")
    made.run("""INSERT INTO catalog_text (model_id, doc, plain)
        SELECT m.id, setweight(to_tsvector('simple', m.name), 'A') ||
        setweight(to_tsvector('simple', s.triggers || ' ' || coalesce(c.tags, '')), 'B') ||
        setweight(to_tsvector('simple', u.username), 'C') ||
        setweight(to_tsvector('simple', replace(s.files, '-', ' ') || ' ' || m.description), 'D'),
        lower(m.name || ' ' || s.triggers || ' ' || coalesce(c.tags, '') || ' ' || u.username || ' ' || s.files)
        FROM catalog_model m JOIN said s ON s.model_id = m.id JOIN accounts_user u ON u.id = m.owner_id
        LEFT JOIN called c ON c.model_id = m.id WHERE m.status = 'published'""")
