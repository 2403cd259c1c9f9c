"""Arithmetic and text of the report: medians over rounds, shares of the machine's limits, ratios of runs of the same round."""

from statistics import median

METRICS = [("prefill_tokens_per_s", "prefill tok/s"), ("decode_tokens_per_s", "decode tok/s"), ("load_s", "load s"), ("peak_gb", "peak GB")]


def figures(prompt_tokens, answer, wall_s, peak_bytes):
    """One run's figures. Loading is all of the process's time in which it did not answer: start, reading, repacking, end."""
    answering_ms = answer["ttft_ms"] + answer["tpot_ms"] * (len(answer["ids"]) - 1)
    return {"prefill_tokens_per_s": 1000 * prompt_tokens / answer["ttft_ms"], "decode_tokens_per_s": 1000 / answer["tpot_ms"],
            "load_s": wall_s - answering_ms / 1000, "peak_gb": peak_bytes / 1e9}


def operations_per_token(config):
    """int8 operations that the block's projections take for one prompt token; the head is needed once a prompt."""
    hidden = config["hidden_size"]
    size = config.get("head_dim") or hidden // config["num_attention_heads"]
    attention = hidden * size * (2 * config["num_attention_heads"] + 2 * config["num_key_value_heads"])
    return 2 * config["num_hidden_layers"] * (attention + 3 * hidden * config["intermediate_size"])


def add_shares(run, roofs, operations):
    """Of the round's own limits; None where a limit could not be measured."""
    read, int8 = roofs.get("read_gb_per_s"), roofs.get("int8_gop_per_s")
    run["share_of_int8_peak"] = run["prefill_tokens_per_s"] * operations / 1e9 / int8 if int8 else None
    run["share_of_bandwidth"] = run["decode_tokens_per_s"] * run["weight_bytes_per_token"] / 1e9 / read if read else None


def chosen(runs, **wanted):
    return [run for run in runs if all(run[key] == value for key, value in wanted.items())]


def middle(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return median(values) if values else None


def ratios(runs, own="philo"):
    """own / peer for each peer, prompt and metric: the median of the ratios within each round, and their range."""
    found = []
    for peer in dict.fromkeys(run["peer"] for run in runs if run["peer"] != own):
        for prompt in dict.fromkeys(run["prompt_tokens"] for run in runs):
            theirs = {run["round"]: run for run in chosen(runs, peer=peer, prompt_tokens=prompt)}
            pairs = [(mine, theirs[mine["round"]]) for mine in chosen(runs, peer=own, prompt_tokens=prompt) if mine["round"] in theirs]
            if not pairs:
                continue
            entry = {"peer": peer, "prompt_tokens": prompt, "rounds": len(pairs)}
            for metric, _ in METRICS:
                values = [mine[metric] / other[metric] for mine, other in pairs]
                entry[metric] = {"median": median(values), "lowest": min(values), "highest": max(values)}
            found.append(entry)
    return found


def columns(rows):
    """Rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def percent(share):
    return "–" if share is None else f"{100 * share:.0f} %"


def text(runs, roofs, absent):
    """The whole report. `roofs` are the limits of each round, `absent` says why an engine is missing."""
    lines = []
    for source, limits in roofs[0].items() if roofs else []:
        for key, unit in [("read_gb_per_s", "GB/s read"), ("int8_gop_per_s", "int8 Gop/s")]:
            values = [entry[source][key] for entry in roofs if entry.get(source, {}).get(key)]
            if values:
                lines.append(f"{source}: {median(values):.5g} {unit} ({min(values):.5g}–{max(values):.5g})")
    for prompt in dict.fromkeys(run["prompt_tokens"] for run in runs):
        rows = [[f"prompt {prompt}", "prefill tok/s", "of int8", "decode tok/s", "of memory", "load s", "peak GB", "rounds"]]
        for peer in dict.fromkeys(run["peer"] for run in runs):
            of = chosen(runs, peer=peer, prompt_tokens=prompt)
            if of:
                rows.append([peer, f"{middle(of, 'prefill_tokens_per_s'):.1f}", percent(middle(of, "share_of_int8_peak")),
                             f"{middle(of, 'decode_tokens_per_s'):.2f}", percent(middle(of, "share_of_bandwidth")), f"{middle(of, 'load_s'):.1f}",
                             f"{middle(of, 'peak_gb'):.2f}", str(len(of))])
        lines += ["", *columns(rows)]
    compared = ratios(runs)
    if compared:
        rows = [["philo / peer", "prompt", *(name for _, name in METRICS)]]
        for entry in compared:
            rows.append([entry["peer"], str(entry["prompt_tokens"]), *("{median:.2f} ({lowest:.2f}–{highest:.2f})".format(**entry[key]) for key, _ in METRICS)])
        lines += ["", *columns(rows)]
    lines += ["", *(f"left out: {peer}: {why}" for peer, why in absent.items())] if absent else []
    return "\n".join(lines)
