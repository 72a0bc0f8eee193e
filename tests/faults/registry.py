"""The faults: what is injected, and which tests inject it; the numbers are fixed, so that reports can be compared.

What belongs here: one entry per fault, whichever test drives it. Faults in event files and kills of loads and builds
are driven by the simulator too (`planting.py`, `simulator.py`). What does not: how anything is injected.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault: its number, what is injected, the tests that inject it, and what is left out, in words."""

    number: int
    injected: str
    tests: tuple[str, ...]
    left_out: str = ""


ALERTS, DBT, DLT, EVENTS = "tests/alerts/", "tests/dbt/", "tests/dlt_sources/", "tests/events/"
GATEWAY, PIPELINE = "tests/gateway/", "tests/pipeline/"
LOAD_KILLS = f"{EVENTS}test_load.py::test_killed_anywhere_and_run_again_every_event_counts_once"
SYNC_KILLS = f"{PIPELINE}test_kills.py::test_a_sync_killed_and_run_again_gives_the_same_marts"
BUILD_KILLS = f"{PIPELINE}test_kills.py::test_a_build_killed_and_run_again_gives_the_same_marts"
GATEWAY_KILLS = f"{GATEWAY}test_kills.py::test_a_kill_under_load_loses_nothing_that_was_acknowledged"
CONFORMANCE = "tests/conformance/test_faults.py::"
ANSWERS = "tests/conformance/test_answers.py::"
MACHINE = "tests/faults/test_machine.py::"

FAULTS = (
    Fault(1, "kill -9 after extract", (LOAD_KILLS, SYNC_KILLS)),
    Fault(2, "kill -9 after normalize", (LOAD_KILLS,)),
    Fault(3, "kill -9 before a table is copied", (LOAD_KILLS,)),
    Fault(
        4, "kill -9 after a table was copied, before the ledger knows", (LOAD_KILLS, SYNC_KILLS, BUILD_KILLS)
    ),
    Fault(
        5,
        "kill -9 after the copy, before dlt notes the load",
        (SYNC_KILLS, BUILD_KILLS),
        "A working folder that is kept: each load works in a fresh one, so every kill is one with the folder gone.",
    ),
    Fault(6, "kill -9 in the middle of dbt", (BUILD_KILLS,)),
    Fault(
        7,
        "kill -9 while the marts are published, and readers all the while",
        (
            BUILD_KILLS,
            f"{MACHINE}test_readers_meet_no_locked_and_no_torn_marts_while_they_are_published",
            f"{PIPELINE}test_reading_while_building.py::test_a_reader_meets_no_error_and_no_torn_marts_while_the_pipeline_rebuilds",
        ),
    ),
    Fault(
        8,
        "kill -9 at each step from a file to its alert",
        (
            f"{ALERTS}test_judge.py::test_a_kill_loses_no_message_and_repeats_one_only_between_sending_and_noting_it",
        ),
    ),
    Fault(
        9,
        "the same events again: same name, other name, packed, in another order, by another door",
        (
            f"{EVENTS}test_load.py::test_the_same_content_by_another_name_is_a_duplicate_delivery",
            f"{GATEWAY}test_one_set.py::test_every_arrangement_of_the_same_events_loads_as_the_same",
            f"{DBT}test_exactly_once.py::test_random_histories_are_the_same_built_step_by_step_and_at_once",
        ),
    ),
    Fault(
        10,
        "half a file without a rename, then all of it",
        (f"{EVENTS}test_load.py::test_a_file_that_was_still_arriving_lands_whole_when_it_is_complete",),
    ),
    Fault(
        11,
        "gzip cut off, without its trailer, with a wrong byte, of several members",
        (
            f"{EVENTS}test_reader.py::test_a_broken_file_waits_while_it_may_be_arriving_then_lands_what_is_whole",
            f"{EVENTS}test_reader.py::test_of_a_gzip_without_its_trailer_every_line_is_saved",
            f"{EVENTS}test_reader.py::test_gzip_members_after_each_other_are_all_read",
        ),
    ),
    Fault(
        12,
        "lines that are no events: no JSON, NaN, NUL, wrong types, a field twice, not UTF-8",
        (
            f"{EVENTS}test_reader.py::test_a_bad_line_is_rejected_alone_with_one_sentence",
            f"{GATEWAY}test_commands.py::test_refused_lines_are_judged_again_and_events_still_count_once",
            "tests/faults/test_foreign_input.py::test_any_file_is_accounted_for_line_by_line",
            "tests/faults/test_foreign_input.py::test_any_bytes_at_any_door_are_answered_in_words",
            "tests/faults/test_foreign_input.py::test_any_rules_file_is_rules_or_sentences",
        ),
    ),
    Fault(
        13,
        "a new field, a missing one, another type, another name; from producers and from providers",
        (
            f"{ANSWERS}test_a_new_field_passes_through_as_text_and_changes_nothing_else",
            f"{ANSWERS}test_a_string_that_becomes_something_else_is_kept_or_refused_in_words",
        ),
    ),
    Fault(
        14,
        "an event of 20 MB, 50,000 keys of metadata, files that unpack to more than a machine has",
        (
            f"{EVENTS}test_reader.py::test_a_huge_bad_line_is_capped_in_its_reject",
            f"{EVENTS}test_bombs.py::test_a_file_that_unpacks_to_more_than_a_machine_has_is_one_reject",
        ),
    ),
    Fault(
        15,
        "names in every script, right to left, with line ends, of 64 kB",
        (
            f"{EVENTS}test_reader.py::test_unicode_and_huge_texts_come_through_unchanged",
            f"{ALERTS}test_delivery.py::test_what_users_supply_can_neither_mention_nor_format_nor_break_lines",
        ),
    ),
    Fault(
        16,
        "SQL and templates in values and file names, paths and links out of the landing zone",
        (
            f"{EVENTS}test_landing.py::test_no_path_leads_out_of_the_zone",
            f"{EVENTS}test_landing.py::test_a_link_out_of_the_zone_is_not_followed",
        ),
    ),
    Fault(
        17,
        "formulas, mentions and links in the names of customers",
        (
            "tests/console/test_pages.py::test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not",
            f"{ALERTS}test_delivery.py::test_what_users_supply_can_neither_mention_nor_format_nor_break_lines",
        ),
    ),
    Fault(
        18,
        "secrets in forms, headers, URLs and errors",
        (
            f"{PIPELINE}test_demo.py::test_no_secret_is_in_anything_that_the_demo_leaves_behind",
            f"{PIPELINE}test_demo.py::test_the_vault_key_is_in_its_own_file_alone",
            "tests/connections/test_registry.py::test_no_secret_lies_anywhere_in_the_home",
            f"{DLT}test_failures.py::test_a_key_that_the_provider_echoes_is_in_no_message",
            f"{ALERTS}test_delivery.py::test_the_webhook_url_stands_in_no_error_and_no_log",
        ),
    ),
    Fault(
        19,
        "429 with and without Retry-After, 5xx, timeouts, a body cut short",
        (
            f"{CONFORMANCE}test_a_fault_that_passes_costs_nothing",
            f"{CONFORMANCE}test_a_fault_that_stays_is_named_and_heals",
            f"{CONFORMANCE}test_a_provider_that_does_not_answer_is_given_up",
            f"{DLT}test_failures.py::test_a_body_cut_short_is_asked_for_again",
            f"{DLT}test_failures.py::test_a_wait_beyond_the_deadline_is_not_begun",
        ),
    ),
    Fault(
        20,
        "a key that expires while pages are read",
        (
            f"{CONFORMANCE}test_a_key_that_expires_while_it_reads_gives_nothing",
            f"{DLT}test_paging.py::test_a_key_that_expires_between_two_pages_loads_nothing",
            f"{PIPELINE}test_bad_input.py::test_a_key_that_expires_in_the_middle_of_paging_disconnects_and_says_so",
        ),
    ),
    Fault(
        21,
        "pages that repeat, go in a circle, never end or do not add up",
        (
            f"{ANSWERS}test_a_page_that_repeats_is_never_counted_twice",
            f"{DLT}test_paging.py::test_endless_paging_is_cut_off",
            f"{DLT}test_paging.py::test_pages_that_do_not_add_up_are_refused_with_a_sentence",
        ),
    ),
    Fault(
        22,
        "a day restated up and down, a line withdrawn",
        (
            f"{ANSWERS}test_a_restated_day_is_told_anew_and_lines_that_vanished_are_gone",
            f"{DBT}test_restatements.py::test_every_change_of_a_day_that_was_over_is_told_with_its_moment",
            f"{DLT}test_versions.py::test_a_restated_day_is_a_second_version_and_a_restatement_undone_a_third",
        ),
    ),
    Fault(
        23,
        "calls that arrive an hour, 47 hours and 40 days late",
        (
            f"{ALERTS}test_incidents.py::test_a_late_event_within_two_days_is_judged_with_all_its_neighbours",
            f"{ALERTS}test_incidents.py::test_events_out_of_reach_are_forgotten_and_their_incidents_stand",
        ),
    ),
    Fault(
        24,
        "clocks that are wrong: of producers, of the endpoint, of the loader",
        (
            f"{GATEWAY}test_soak.py::test_what_was_metered_is_what_landed_and_what_was_refused_with_a_reason",
            f"{EVENTS}test_load.py::test_load_times_never_go_back_even_when_the_clock_does",
            f"{ALERTS}test_incidents.py::test_an_event_dated_ahead_is_judged_when_its_time_has_come",
        ),
    ),
    Fault(
        25,
        "both ends of summer time, offsets of quarters of an hour, February 29, the end of a year",
        (
            f"{ALERTS}test_evaluate.py::test_a_period_is_one_of_the_calendar_of_its_time_zone_also_when_the_clocks_change",
            f"{DLT}test_file.py::test_times_become_utc_days",
        ),
    ),
    Fault(
        26,
        "a model, a token type or a date without a price, an alias, a price that comes later",
        (
            "tests/pricing/test_price.py::test_unknown_is_never_a_cost_of_nothing",
            "tests/pricing/test_updates.py::test_what_is_applied_is_what_was_shown_to_the_last_decimal",
            f"{ALERTS}test_evaluate.py::test_unpriced_events_never_count_as_zero",
        ),
    ),
    Fault(
        27,
        "no tokens, amounts below zero, credits",
        (
            f"{DBT}test_google.py::test_credits_taxes_and_adjustments_are_charges_of_their_own_and_the_net_is_exact",
            f"{DBT}test_marts.py::test_attributed_unattributed_credits_and_other_are_the_bill",
        ),
    ),
    Fault(
        28,
        "amounts from 1e-12 to a million, many of 0.1, other currencies",
        (
            f"{ALERTS}test_evaluate.py::test_sums_stay_exact_where_floats_fail",
            f"{DLT}test_exactness.py::test_sums_per_day_are_exact_and_a_rerun_changes_nothing",
            f"{DBT}test_azure_openai.py::test_another_currency_counts_in_azures_dollars_and_never_as_dollars",
        ),
    ),
    Fault(
        29,
        "a disk that is full under the spool, the warehouse, the published marts, the endpoint",
        (
            f"{MACHINE}test_a_full_disk_ends_a_build_in_words_and_the_next_load_is_whole",
            f"{MACHINE}test_a_full_disk_leaves_readers_the_marts_they_had",
            f"{GATEWAY}test_kills.py::test_a_full_disk_is_a_503_and_acknowledges_nothing",
            "tests/sdk/test_endpoint.py::test_when_the_spool_is_full_events_wait_in_memory_and_none_is_lost",
        ),
    ),
    Fault(
        30,
        "a writer that holds the warehouse, and one that was killed while it did",
        (
            f"{PIPELINE}test_warehouse.py::test_a_second_process_waits_and_is_told_who_holds_the_warehouse",
            f"{MACHINE}test_readers_meet_no_locked_and_no_torn_marts_while_they_are_published",
        ),
    ),
    Fault(
        31,
        "two loads, two judges, two deliverers, several endpoints at once",
        (
            f"{MACHINE}test_two_pipelines_at_once_load_each_event_once",
            f"{ALERTS}test_judge.py::test_judges_at_once_share_the_work_and_tell_it_once",
            f"{ALERTS}test_delivery.py::test_two_deliverers_at_once_send_each_message_once",
            f"{GATEWAY}test_kills.py::test_several_workers_share_ids_and_keys_and_one_may_die",
        ),
    ),
    Fault(
        32,
        "Slack away, busy, broken, revoked",
        (
            f"{ALERTS}test_delivery.py::test_429_is_honoured_for_the_whole_channel",
            f"{ALERTS}test_delivery.py::test_a_server_error_and_a_timeout_are_tried_again_and_end_in_one_message",
            f"{ALERTS}test_delivery.py::test_a_revoked_webhook_ends_in_a_dead_message_that_says_what_to_do",
            f"{ALERTS}test_delivery.py::test_many_groups_at_once_are_one_message_that_names_the_worst",
        ),
        "A whole hour: Slack is away for seconds only, with waits of the same kind.",
    ),
    Fault(
        33,
        "a tick that dies, and files that land while a watch goes on",
        (
            f"{ALERTS}test_judge.py::test_a_file_that_lands_during_a_watch_is_told_while_the_watch_goes_on",
            f"{PIPELINE}test_daemon.py::test_each_crossing_reaches_slack_once_while_the_daemon_runs",
        ),
        "A tick beyond Dagster's 60 s: a watch ends by itself before that.",
    ),
    Fault(
        34,
        "Dagster's cursor lost, old hours filled in",
        (
            f"{ALERTS}test_judge.py::test_old_partitions_are_judged_too_and_raise_no_storm",
            f"{ALERTS}test_incidents.py::test_a_backfill_is_recorded_and_nobody_is_told",
            "tests/frame/test_new_event_files.py::test_an_hour_that_dagster_does_not_know_holds_up_no_other",
        ),
        "A cursor to lose: which files are due and judged is in the control database, not in Dagster's.",
    ),
    Fault(
        35,
        "files nobody can read, and packages that were left half loaded",
        (
            f"{EVENTS}test_load.py::test_a_file_that_cannot_be_read_waits_and_holds_up_no_other",
            f"{EVENTS}test_reader.py::test_a_parquet_file_with_a_column_nobody_can_read_is_refused_in_a_sentence",
            LOAD_KILLS,
        ),
    ),
    Fault(
        36,
        "the warehouse lost; another release of DuckDB reads what is published",
        (
            f"{PIPELINE}test_build.py::test_a_warehouse_that_was_lost_is_built_whole",
            f"{PIPELINE}test_warehouse.py::test_a_1_5_client_reads_the_published_file",
        ),
        "A warehouse written by DuckDB 1.5: no release of Meterhouse ever wrote one. Raw answers are not kept: what a "
        "provider no longer tells cannot be pulled again.",
    ),
    Fault(
        37,
        "a bill and calls that do not agree",
        (
            f"{DBT}test_marts.py::test_every_cell_holds_what_was_billed_and_metered_and_its_variance_by_cause",
            f"{PIPELINE}test_truth.py::test_the_causes_are_exactly_the_difference",
            f"{PIPELINE}test_truth.py::test_any_number_that_is_not_the_ledgers_is_told",
        ),
    ),
    Fault(
        38,
        "a hundred small files at once, a day of a million rows",
        (
            f"{DLT}test_huge_day.py::test_a_day_of_a_million_rows_is_pulled_in_bounded_memory",
            f"{EVENTS}test_reader.py::test_twenty_thousand_lines_are_read_and_priced_to_the_last_digit",
        ),
        "10,000 files at once (each costs a tenth of a second to read) and one of 10 million rows.",
    ),
)
