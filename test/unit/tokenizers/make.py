"""Small tokenizers of many kinds and what the Rust library `tokenizers` (0.23.3) does with them: NAME.json (tokenizer.json) and cases.json
(ids, offsets in UTF-16 units, decoded text). Run in this folder. Fixed text, no network; the files differ only if the library does."""
import base64
import json
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Regex

WORDS = """Once upon a time there was a little girl named Lily. She had a red ball and a blue kite, and she didn't want to share it.
Tom's dog, aged 12, ran 345 times around the house in 2024! "We'll see," said Mia; they've 10:35 o'clock & 3.14. naive café über Straße.
def f(x):\n    return x ** 2  # square\n\tindented\tby tabs\r\n你好 世界 日本語 テキスト 안녕 مرحبا ١٢٣ привет мир. The cat sat on the mat.
""" * 4 + "Wait!\ufeff Stop!\ufeff Go!\ufeff\n" * 40

TEXTS = ["", " ", "Hello world", " leading", "trailing ", "two  spaces   three", "tab\tand\nnewline\n\n", "Don't we'll I'm they've", "UPPER lower MiXeD",
         "1234567 3.14 10:35 ١٢٣ ²½Ⅷ", "naïve café Ünïcödé", "e\u0301 decomposed a\u0308o\u0308", "日本語のテキスト", "emoji 🙂👩\u200d👩\u200d👧 end", "!!! ??? ...---",
         "x\r\ny", "nel\u0085here", "\ufeffbom and\ufeffinside", "nbsp\u00a0and\u3000wide", "각각 한글", "a<|special|>b", " <|special|> spaced <|special|>",
         "<added> and  <added>  twice", "[MASK] and [MASK]", "\u0000null\u0007bell", "ﬁ ligature ｆｕｌｌ", "under_score and-dash 'quoted' (parens)", "▁already▁here", "مرحبا بالعالم",
         "The cat sat on the mat. " * 3, "İstanbul ẞ ǅ", "\u2028line\u2029para", "ab\u0301\u0323c", "ΟΔΟΣ Σ ς", "ABAB\u200b½ \uff21", "a ball, football", "cat concat cat.", "Hello  Hello mat\n matmat", "<added><added>", "Go! Go!  x", "日 本 語 & 中", "Stop!\ufeff!\u0085 Go!\ufeff\ufeff x"]
MORE = {"added-spaces": ["   x", "a    b     c", "  ", "       "], "added-byte": ["aéb", "éab b"]}


# SentencePiece's own, of a normalization_rule_tsv with eleven rules: U+FB01 to fi, A and fullwidth A to a, e with an acute to one character, AB to x,
# tab, newline and U+200B to a space, a half to 1/2, a capital sigma to a small one.
CHARSMAP = base64.b64decode("""
AAQAAAAgAAAJCQAACgUAAAAAAIAGAACACwAAgMwAAgCBOQAAvQkAAA0AAIACAACAox0AABAAAICAIAIAizUAAKx4AgCBBQAACAAAgKEFAAAGAACAFQAAABQAAAAXAAAAFgAAABkAAAAY
AAAAGwAAABoAAAAdAAAAHAAAAB8AAAC8sAIAIQAAACAAAAAjAAAAIgAAACUAAAAkAAAAJwAAACYAAAApAAAAKAAAACsAAAAqAAAALQAAACwAAAAvAAAALgAAADEAAAAwAAAAMwAAADIA
AAA1AAAANAAAADcAAAA2AAAAOQAAADgAAAA7AAAAOgAAAD0AAAA8AAAAPwAAAD4AAABBAAAAQAAAAEMAAABCAAAARQAAAEQAAABCDQEARgAAAEkAAABBNQEASwAAAEoAAABNAAAATAAA
AE8AAABOAAAAUQAAAFAAAABTAAAAUgAAAFUAAABUAAAAVwAAAFYAAABZAAAAWAAAAFsAAABaAAAAXQAAAFwAAABfAAAAXgAAAGEAAABgAAAAYwAAAGIAAABlAAAAZAAAAGcAAABmAAAA
aQAAAGgAAABrAAAAagAAAG0AAABlnAIAbwAAAG4AAABxAAAAcAAAAHMAAAByAAAAdQAAAHQAAAB3AAAAdgAAAHkAAAB4AAAAewAAAHoAAAB9AAAAfAAAAH8AAAB+AAAAgQAAAIAAAACD
AAAAggAAAIUAAACEAAAAhwAAAIYAAACJAAAAiAAAAIsAAACKAAAAjQAAAIwAAACPAAAAjgAAAJEAAACQAAAAkwAAAJIAAACVAAAAlAAAAJcAAACWAAAAmQAAAJgAAACbAAAAmgAAAJ0A
AACcAAAAnwAAAJ4AAAChAAAAoAAAAKMAAACiAAAApQAAAKQAAACnAAAApgAAAKkAAACoAAAAqwAAAKoAAACtAAAArAAAAK8AAACuAAAAsQAAALAAAACzAAAAsgAAALUAAAC0AAAAtwAA
ALYAAAC5AAAAuAAAALsAAAC6AAAAvQAAALwAAAC/AAAAvgAAAMEAAADAAAAAwwAAAMIAAADFAAAAxAAAAM64AQDGAAAAyQAAAMgAAADC/AEAygAAAM0AAADMAAAAzwAAAM4AAADRAAAA
0AAAANMAAADSAAAA1QAAANQAAADXAAAA1gAAANkAAADYAAAA2wAAANoAAADdAAAA3AAAAN8AAADeAAAA4QAAAOAAAADjAAAA4gAAAOUAAADkAAAA5wAAAO8QAQDpAAAA6AAAAOKcAQDq
AAAA7QAAAOwAAADvAAAA7gAAAPEAAADwAAAA8wAAAPIAAAD1AAAA9AAAAPcAAAD2AAAA+QAAAPgAAAD7AAAA+gAAAP0AAAD8AAAA/wAAAP4AAAAgADEvMgBhAGZpAHgAw6kAz4MA""")


def train(tok, kind="bpe", size=420, special=("<|special|>",), **more):
    if kind == "bpe":
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False, **more)
    elif kind == "unigram":
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=list(special), show_progress=False, **more)
    else:
        trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(special), show_progress=False)
    tok.train_from_iterator(WORDS.splitlines(keepends=True), trainer)
    return tok


def byte_level(pre, normalizer=None, **model):
    tok = Tokenizer(models.BPE(**model))
    tok.pre_tokenizer, tok.decoder = pre, decoders.ByteLevel()
    if normalizer:
        tok.normalizer = normalizer
    return train(tok, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))


def template(tok, bos):
    tok.post_processor = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tok.token_to_id(bos))])
    return tok


def spm(pre=None, normalizer=None, strip=True):
    """SentencePiece-like: byte fallback, spaces as U+2581."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    byte_tokens = [f"<0x{i:02X}>" for i in range(256)]
    # Few characters are known, so that the rest needs the bytes. (Trained on words split at spaces, or merges would cross them.)
    full = tok.pre_tokenizer
    tok.pre_tokenizer = pre_tokenizers.Sequence([p for p in (full, pre_tokenizers.Split("▁", "merged_with_next")) if p])
    train(tok, size=560, special=["<unk>", "<s>", "</s>", *byte_tokens], limit_alphabet=60)
    spec = json.loads(tok.to_str())
    spec["pre_tokenizer"] = json.loads(full.__getstate__()) if full else None
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] in ("<unk>", "<s>", "</s>")]
    tok = Tokenizer.from_str(json.dumps(spec))
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *([decoders.Strip(" ", 1, 0)] if strip else [])])
    return template(tok, "<s>")


def make():
    BL = pre_tokenizers.ByteLevel
    out = {}
    out["gpt2"] = byte_level(BL(add_prefix_space=False))
    out["gpt2-prefix-space"] = byte_level(BL(add_prefix_space=True))
    out["smollm"] = byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BL(add_prefix_space=False)]))
    out["digit-runs"] = byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), BL(add_prefix_space=False)]))
    llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    split = lambda r, b="isolated", i=False: pre_tokenizers.Split(Regex(r), b, i)
    out["llama3"] = template(byte_level(pre_tokenizers.Sequence([split(llama3), BL(add_prefix_space=False, use_regex=False)])), "<|special|>")
    out["qwen2"] = byte_level(pre_tokenizers.Sequence([split(llama3.replace("{1,3}", "")), BL(add_prefix_space=False, use_regex=False)]), normalizers.NFC())
    out["removed-inverted"] = byte_level(pre_tokenizers.Sequence([split(llama3, "removed", True), BL(add_prefix_space=False, use_regex=False)]))
    out["punctuation"] = byte_level(pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), BL(add_prefix_space=False)]))
    out["punctuation-isolated"] = byte_level(pre_tokenizers.Sequence([pre_tokenizers.Punctuation("isolated"), BL(add_prefix_space=False)]))
    text = lambda t, b: pre_tokenizers.Split(t, b, False)
    out["split-at-text"] = byte_level(pre_tokenizers.Sequence([text(".", "isolated"), text(" ", "removed"), BL(add_prefix_space=False, use_regex=False)]))
    out["nfkc-lowercase"] = byte_level(BL(add_prefix_space=False), normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]))
    tok = byte_level(BL(add_prefix_space=False))
    tok.add_special_tokens([AddedToken("[MASK]", lstrip=True), "<eos>"])
    tok.add_tokens([AddedToken("<added>", rstrip=True, normalized=False)])
    out["added-tokens"] = tok
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    out["llama2"] = spm(normalizer=prepend)
    out["metaspace-first"] = spm(pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    out["metaspace-split"] = spm(pre=pre_tokenizers.Metaspace(prepend_scheme="always", split=True))
    out["metaspace-never"] = spm(pre=pre_tokenizers.Metaspace(prepend_scheme="never", split=False), strip=False)
    tok = Tokenizer(models.Unigram())
    tok.normalizer, tok.pre_tokenizer, tok.decoder = normalizers.NFKC(), pre_tokenizers.Metaspace(), decoders.Metaspace()
    out["unigram"] = train(tok, "unigram", size=300, special=["<unk>", "<s>"], unk_token="<unk>")
    tok = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    out["wordlevel"] = train(tok, "wordlevel", size=80, special=["<unk>"])
    # Added tokens that are looked for in the normalised text, that must be words of their own, or that take spaces in there.
    tok = spm(normalizer=prepend)
    tok.add_tokens([AddedToken("ball", normalized=True), AddedToken("<added>", normalized=True, lstrip=True), AddedToken("cat", single_word=True, normalized=False),
                    AddedToken("Go!", rstrip=True, normalized=True), AddedToken("[MASK]", normalized=True)])
    out["normalized-added"] = tok
    tok = spm(pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=False), normalizer=normalizers.NFC())
    tok.add_tokens([AddedToken("Hello", normalized=True, rstrip=True), AddedToken("mat", single_word=True, normalized=True)])
    out["added-first"] = tok
    # Added white space that takes in white space, and some that does not.
    tok = byte_level(BL(add_prefix_space=False))
    tok.add_tokens([AddedToken("  ", lstrip=True, rstrip=True, normalized=False), AddedToken(" ", normalized=False)])
    out["added-spaces"] = tok
    # Unknown characters become one token within a word, not across words; trimming and lower case are Unicode's, not JavaScript's.
    tok = Tokenizer(models.Unigram())
    tok.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Lowercase()])
    tok.pre_tokenizer, tok.decoder = pre_tokenizers.WhitespaceSplit(), decoders.Fuse()
    out["unknown-by-word"] = train(tok, "unigram", size=120, special=["<unk>", "<s>"], unk_token="<unk>")
    # Bytes that a BPE has no token for, and one of whose signs an added token is.
    tok = Tokenizer(models.BPE({"<|special|>": 0, "a": 1, "b": 2, "ab": 3}, [("a", "b")]))
    tok.pre_tokenizer, tok.decoder = BL(add_prefix_space=False), decoders.ByteLevel()
    tok.add_tokens([AddedToken("Ã", normalized=False)])
    out["added-byte"] = tok
    # Unknown characters that leave nothing behind.
    tok = Tokenizer(models.BPE())
    tok.normalizer, tok.decoder = prepend, decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    out["unknown-dropped"] = train(tok, size=300, limit_alphabet=40)
    tok = Tokenizer(models.Unigram())
    tok.normalizer, tok.pre_tokenizer, tok.decoder = normalizers.Precompiled(CHARSMAP), pre_tokenizers.Metaspace(), decoders.Metaspace()
    out["precompiled"] = train(tok, "unigram", size=200, special=["<unk>", "<s>"], unk_token="<unk>")
    # Pieces that are there twice: the last counts.
    pieces = [("<unk>", 0.0), ("▁", -2.0), *[(c, -4.0) for c in "eatbliso. "], ("ball", -9.0), ("at", -3.0), ("at", -9.0), ("ball", -2.5), ("e", -3.5)]
    tok = Tokenizer(models.Unigram(pieces, 0))
    tok.pre_tokenizer, tok.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    out["pieces-twice"] = tok
    return out


def utf16(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


cases = {}
for name, tok in make().items():
    tok.save(f"{name}.json", pretty=False)
    cases[name] = []
    for text in TEXTS + MORE.get(name, []):
        plain, full = tok.encode(text, add_special_tokens=False), tok.encode(text)
        cases[name].append({"text": text, "ids": full.ids, "ids_no_special": plain.ids,
                            "offsets": [[utf16(text, a), utf16(text, b)] for a, b in plain.offsets], "decoded": tok.decode(full.ids)})
with open("cases.json", "w") as f:
    json.dump(cases, f, ensure_ascii=True, separators=(",", ":"))
