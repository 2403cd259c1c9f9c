"""Holds report.py's arithmetic against figures made up by hand: python3 tools/peers/report_test.py."""

import unittest

import report


def run(peer, round_number, prefill, decode, load=1.0, peak=2.0, prompt=128, read=2e9):
    return {"peer": peer, "round": round_number, "prompt_tokens": prompt, "prefill_tokens_per_s": prefill, "decode_tokens_per_s": decode, "load_s": load,
            "peak_gb": peak, "weight_bytes_per_token": read, "share_of_int8_peak": None, "share_of_bandwidth": None}


class Report(unittest.TestCase):
    def test_figures_of_one_run(self):
        answer = {"ids": [1] * 11, "ttft_ms": 2000, "tpot_ms": 100}
        self.assertEqual(report.figures(512, answer, 4.5, 3e9), {"prefill_tokens_per_s": 256, "decode_tokens_per_s": 10, "load_s": 1.5, "peak_gb": 3})

    def test_operations_of_phi_3_mini(self):
        config = {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32}
        self.assertEqual(report.operations_per_token(config), 7_247_757_312)
        # fewer heads for keys and values, and a head size of its own: q and o of 12 columns, k and v of 6
        small = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 3}
        self.assertEqual(report.operations_per_token(small), 2 * (8 * 12 + 12 * 8 + 2 * 8 * 6 + 3 * 8 * 16))

    def test_shares_of_the_rounds_limits(self):
        of = run("philo", 0, prefill=50, decode=10)
        report.add_shares(of, {"read_gb_per_s": 25.0, "int8_gop_per_s": 1000.0}, 8e9)
        self.assertAlmostEqual(of["share_of_int8_peak"], 0.4)
        self.assertAlmostEqual(of["share_of_bandwidth"], 0.8)
        report.add_shares(of, {"read_gb_per_s": 25.0}, 8e9)
        self.assertIsNone(of["share_of_int8_peak"])

    def test_ratios_pair_runs_of_the_same_round(self):
        runs = [run("philo", 0, 100, 10), run("peer", 0, 50, 10), run("philo", 1, 60, 6), run("peer", 1, 20, 3),  # the machine was slower in round 1
                run("philo", 2, 100, 10), run("peer", 2, 40, 5), run("philo", 3, 1000, 1)]  # the peer failed in round 3
        (entry,) = report.ratios(runs)
        self.assertEqual(entry["prefill_tokens_per_s"], {"median": 2.5, "lowest": 2, "highest": 3})
        self.assertEqual(entry["decode_tokens_per_s"], {"median": 2, "lowest": 1, "highest": 2})
        self.assertEqual(entry["rounds"], 3)

    def test_a_peer_without_a_run_has_no_ratio(self):
        self.assertEqual(report.ratios([run("philo", 0, 1, 1, prompt=128), run("peer", 0, 1, 1, prompt=512)]), [])

    def test_text_shows_medians_and_what_is_missing(self):
        runs = [run("philo", number, prefill, 10) for number, prefill in enumerate([90, 100, 300])] + [run("peer", 0, 45, 5)]
        for of in runs:
            report.add_shares(of, {"read_gb_per_s": 25.0}, 8e9)
        roofs = [{"plain loops": {"read_gb_per_s": value, "int8_gop_per_s": None}} for value in (24.0, 25.0, 26.0)]
        lines = report.text(runs, roofs, {"other": "no compiler"}).splitlines()
        self.assertEqual(lines[0], "plain loops: 25 GB/s read (24–26)")
        self.assertIn("philo               100.0        –         10.00       80 %     1.0     2.00       3", lines)
        self.assertIn("peer             128  2.00 (2.00–2.00)  2.00 (2.00–2.00)  1.00 (1.00–1.00)  1.00 (1.00–1.00)", lines)
        self.assertEqual(lines[-1], "left out: other: no compiler")

    def test_text_of_nothing(self):
        self.assertEqual(report.text([], [], {"philo": "not built"}).strip(), "left out: philo: not built")


if __name__ == "__main__":
    unittest.main()
