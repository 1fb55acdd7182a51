#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the fuzz targets' corpora: the inputs that a fuzzer begins with, and that are a test.

    make_corpus.py [DIRECTORY]

Writes DIRECTORY/TARGET/NAME, DIRECTORY being the corpus folder beside this script unless told
otherwise. The same bytes each time; other files there are left alone.
"""

import os
import struct
import sys

REQUEST_ID = bytes(range(16))
KEY = b"0123456789abcdef0123456789abcdef"
MAX_FRAME_BYTES = 1024 * 1024


# --- protobuf -----------------------------------------------------------------------------------

def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def message(*fields):
    """Fields are (number, value): an int is a varint, bytes have their length in front."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
        else:
            encoded += varint(number << 3 | 2) + varint(len(value)) + value
    return encoded


def request(call, content, *, version=1, number=7):
    return message((1, version), (2, number), (call, content))


def reply(*fields):
    return message((1, 1), (2, 7), *fields)


def process(pid=4711, start_time=123456789):
    return message((1, pid), (2, start_time))


def process_info(name=b"setup", pid=4711):
    return message((1, process(pid)), (2, 1000), (3, name))


# --- the wire -----------------------------------------------------------------------------------

def make_request():
    start = message((1, REQUEST_ID), (2, process()))
    nested = message((1, process()), (2, 1), (15, b"later"))
    head = ((1, REQUEST_ID), (2, 3), (3, 2), (4, KEY))
    ref = message((1, 4711), (2, 132223104000000000), (3, 1))
    part = message(*head, (5, 1), (6, 1), (7, b"/usr/lib/libz.so.1"), (7, b"/srv/\xff\n"),
                   (8, b"/opt/tree"), (9, ref), (9, message((1, 12), (2, 99))),
                   (10, b"user:cron@a.service"), (11, 2))
    by_file = message((1, b"/usr/bin/editor"))
    return {
        "register": request(25, part),
        "register_nothing": request(25, message((1, REQUEST_ID), (6, 1))),
        "register_many": request(25, message(*head, *[(7, b"/f")] * 1024)),
        "register_too_many": request(25, message(*head, *[(7, b"/f")] * 1025)),
        "register_relative": request(25, message(*head, (7, b"usr/lib"))),
        "register_nul": request(25, message(*head, (8, b"/usr\0lib"))),
        "register_long_path": request(25, message(*head, (7, b"/" * 4095))),
        "register_too_long_path": request(25, message(*head, (7, b"/" * 4096))),
        "register_nobody": request(25, message(*head, (9, message((2, 5))))),
        "list_applications": request(26, message((1, 3), (3, KEY), (4, 10), (5, 1), (6, 1),
                                                 (7, 1))),
        "add_filter": request(27, message((1, 3), (4, message((1, by_file), (2, 1))))),
        "add_filter_two_targets": request(27, message(
            (4, message((1, by_file + message((3, b"a.service"))), (2, 1))))),
        "add_filter_no_action": request(27, message((4, message((1, by_file))))),
        "add_filter_no_target": request(27, message((4, message((2, 2))))),
        "remove_filter": request(28, message((1, REQUEST_ID), (2, 3), (5, message((2, ref))))),
        "remove_filter_service": request(28, message(
            (1, REQUEST_ID), (5, message((3, b"system:a.service"))))),
        "list_filters": request(29, message((1, 3), (2, 2))),
        "list_stale": request(30, message((1, 1), (2, 1))),
        "get_policy": request(31, message((1, b"ssh.service"))),
        "get_policy_of_nothing": request(31, b""),
        "cancel": request(32, message((1, 3))),
        "start": request(16, message((1, REQUEST_ID))),
        "start_for_another": request(16, start),
        "join": request(17, message((1, REQUEST_ID), (2, KEY), (3, process()))),
        "attach": request(18, message((1, 3), (2, KEY))),
        "end_as_primary": request(19, message((1, REQUEST_ID), (2, 3))),
        "end_attached": request(19, message((1, REQUEST_ID), (2, 3), (3, 2), (4, KEY))),
        "list": request(20, b""),
        "show": request(21, message((1, 3))),
        "close": request(22, message((1, REQUEST_ID), (2, 3))),
        "watch": request(23, message((1, 99), (2, 1))),
        "status": request(24, b""),
        "no_call": message((1, 1), (2, 7)),
        "no_id": request(20, b"", number=0),
        "other_version": request(20, b"", version=2),
        "short_request_id": request(16, message((1, REQUEST_ID[:15]))),
        "unclean_key": request(18, message((1, 3), (2, b"key\0\x1b[2J"))),
        "two_calls": request(16, start) + message((19, message((1, REQUEST_ID), (2, 3)))),
        "unknown_fields": request(16, start + message((9, nested))) + message((99, b"x" * 300)),
        "unknown_in_owner": request(17, message(
            (1, REQUEST_ID), (3, process() + message((7, b"y" * 700))))),
        "number_zero": request(24, b"") + b"\x82\0\3abc",
        "cut_short": request(17, message((1, REQUEST_ID), (2, KEY)))[:-5],
    }


def make_reply():
    join = message((1, 2), (2, process_info()), (3, 1700000000000000))
    session = message((1, 3), (2, b"0123"), (3, process_info()), (4, b"c2"), (5, b"open"),
                      (6, 1700000000000000), (7, 5000000))
    shown = session + message((8, 2), (9, join), (9, join))
    miscounted = session + message((8, 1), (9, join), (9, join))
    status = message((1, b"0.1.0"), (2, b"user"), (3, 4712), (4, 60000000), (5, 1), (6, 2),
                     (7, 3), (8, 4), (9, 64), (10, 512), (11, 256), (12, 4096), (13, 1000),
                     (14, 4096), (15, 131072), (16, b"/run/user/1000/rstrtmgr/journal"),
                     (17, "/home/käthe/rmbrokerd.conf".encode()), (18, 1))
    event = message((1, 12), (2, 1700000000000000), (3, b"started"), (4, 3), (5, 4711),
                    (6, b"setup"), (7, b"by its owner"))
    use = message((1, 3), (2, b"/srv/\xff"), (3, 7), (4, 1), (5, 1), (6, b"/srv/\xff (deleted)"))
    user = message((1, process_info()), (2, use), (2, use), (3, 70))
    application = message(
        (1, process_info()), (2, 132223104000000000), (3, "Größenrechner".encode()),
        (4, b"a.service"), (5, 3), (6, 1), (7, 5), (8, 1), (9, 4), (10, b"user:a.service"),
        (11, b"/usr/bin/\xfe"), (12, b"a service"), (13, b"it has no unit"), (14, b"box"),
        (15, user), (15, user), (16, 300), (17, b"/etc/rstrtmgr/policy.d/a.conf"))
    unchecked = message((1, b"/mnt/\xff"), (2, b"it does not answer"), (3, 1))
    inspection = message((1, 400), (2, 3), (3, 17), (4, 1), (5, unchecked), (6, unchecked),
                         (7, 12), (8, 123456))
    totals = message((2, 3), (3, 20), (4, inspection),
                     (5, message((1, b"6.1.0"), (2, b"6.1.1"), (3, 1))))
    miscounted_uses = message((1, process_info()), (15, message((1, process_info()), (2, use))))
    ref = message((1, 4711), (2, 132223104000000000), (3, 1))
    filters = message((1, message((1, message((1, b"/usr/bin/\xff"))), (2, 1))),
                      (1, message((1, message((2, ref))), (2, 2))),
                      (1, message((1, message((3, b"a.service"))), (2, 2))))
    return {
        "applications": reply((5, 1), (22, message((1, application), (1, application)))),
        "applications_most": reply((5, 1), (22, message(*[(1, application)] * 64))),
        "applications_too_many": reply((5, 1), (22, message(*[(1, application)] * 65))),
        "applications_totals": reply((22, totals)),
        "applications_uses_miscounted": reply((22, message((1, miscounted_uses)))),
        "applications_of_nobody": reply((22, message((1, message((3, b"a")))))),
        "applications_nul": reply((22, message((1, application + message((11, b"/a\0"))),))),
        "applications_unclean": reply((22, message((1, application + message((12, b"\x1b"))),))),
        "applications_later": reply((22, message((1, application + message((99, b"later"))),))),
        "filters": reply((23, filters)),
        "filters_more": reply((5, 1), (23, filters)),
        "filters_no_target": reply((23, message((1, message((2, 1)))))),
        "policy": reply((24, message((1, b"/etc/\xff"), (2, b"unit = a"), (3, b"critical")))),
        "policy_none": reply((24, b"")),
        "start": reply((16, message((1, 3), (2, KEY)))),
        "join": reply((17, message((1, 3), (2, 2)))),
        "done": reply(),
        "refused": reply((3, 1219), (4, b"the key is another session's; look at it again")),
        "sessions": reply((18, message((1, session), (1, session), (1, session)))),
        "many_sessions": reply((18, message(*[(1, session)] * 40))),
        "one_session_shown": reply((18, message((1, shown)))),
        "joins_miscounted": reply((18, message((1, miscounted)))),
        "no_sessions": reply((18, b"")),
        "broker": reply((19, status)),
        "event": reply((5, 1), (20, event)),
        "progress": reply((5, 1), (21, message((1, 50)))),
        "progress_beyond": reply((5, 1), (21, message((1, 101)))),
        "owner_without_id": reply((18, message((1, message((1, 3), (3, message((2, 5)))))))),
        "unclean_name": reply((18, message((1, message((3, process_info(b"a\xe2\x80\xaeb"))))))),
        "empty_version": reply((19, b"")),
        "short_key": reply((16, message((1, 3), (2, KEY[:31])))),
        "other_version": message((1, 3), (2, 7)),
        "unknown_fields": reply((17, message((1, 3), (8, b"z" * 400))), (77, b"later" * 60)),
        "two_results": reply((18, message((1, session))), (16, message((1, 3), (2, KEY)))),
        "empty_sessions": reply((18, message(*[(1, b"")] * 600))),
    }


def frame(payload, size=None):
    return struct.pack("<I", len(payload) if size is None else size) + payload


def make_frame():
    """The first byte, plus one: how many bytes arrive at a time."""
    three = frame(b"one") + frame(b"two, longer") + frame(b"3")
    return {
        "one": b"\xff" + frame(b"payload"),
        "one_by_bytes": b"\0" + frame(b"payload"),
        "three": b"\xff" + three,
        "three_by_bytes": b"\0" + three,
        "three_by_fives": b"\4" + three,
        "many": b"\x0f" + b"".join(frame(b"x" * n) for n in range(1, 60)),
        "longer_than_buffer": b"\xff" + frame(b"0123456789" * 120) + frame(b"next"),
        "half_header": b"\xff\5\0",
        "half_payload": b"\xff" + frame(b"half", 9),
        "whole_and_half": b"\1" + frame(b"whole") + frame(b"half", 9),
        "empty": b"\xff" + frame(b"") + frame(b"behind it"),
        "largest": b"\xff" + frame(b"", MAX_FRAME_BYTES),
        "too_large": b"\xff" + frame(b"ok") + frame(b"x", MAX_FRAME_BYTES + 1),
        "far_too_large": b"\xff" + frame(b"", 0xFFFFFFFF),
        "nothing": b"\xff",
    }


# --- texts --------------------------------------------------------------------------------------

def make_text():
    """The first byte, plus one: how much room there is."""
    roomy = {
        "empty": b"",
        "ascii": b"Setup of Something 1.2",
        "latin": "Größe übergroß".encode(),
        "japanese": "再起動マネージャー".encode(),
        "four_bytes": "\U0001f600\U0010ffff".encode(),
        "controls": b"a\0b\tc\nd\x1b[2Je\x7ff",
        "c1": b"a\xc2\x80b\xc2\x9fc",
        "bidi": "a\u202eb\u2066c\u200ed\u061ce\u2028".encode(),
        "overlong": b"\xc0\x80 \xe0\x80\x80 \xf0\x80\x80\x80 \xc1\xbf",
        "surrogates": b"\xed\xa0\x80\xed\xbf\xbf",
        "beyond": b"\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xff\xfe",
        "cut_off": b"ok \xe3\x81",
        "continuation_alone": b"\x80\xbf ok",
        "replacement": "\ufffd".encode(),
    }
    made = {name: b"\xff" + text for name, text in roomy.items()}
    made["no_room"] = b"\0" + b"text"
    made["cut_in_character"] = b"\4" + "abcä".encode()
    made["cut_in_replacement"] = b"\5" + b"abc\xff\xff"
    made["longer_than_room"] = b"\x1f" + "wörter ".encode() * 30
    return made


def make_procfs():
    behind = b" ".join(str(n).encode() for n in range(5, 53))
    after_state = b"S 1 " + behind
    status = (b"Name:\tsetup\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t4711\nPPid:\t1\n"
              b"Uid:\t1000\t1001\t1002\t1003\nGid:\t1000\t1000\t1000\t1000\n"
              b"CapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n")
    fdinfo = b"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t5\nPid:\t%s\nNSpid:\t%s\n"
    return {
        "empty": b"",
        "stat": b"4711 (setup) " + after_state + b"\n",
        "stat_parenthesis": b"4711 () R 1 1) " + after_state,
        "stat_newline": b"4711 (a\nUid:\t0\t0\t0\t0\n) " + after_state,
        "stat_not_utf8": b"4711 (\xff\xfe\x80) " + after_state,
        "stat_no_name": b"4711 () " + after_state,
        "stat_long_name": b"4711 (" + b"n" * 63 + b") " + after_state,
        "stat_too_long_name": b"4711 (" + b"n" * 64 + b") " + after_state,
        "stat_cut_off": b"4711 (setup) S 1 2 3 4",
        "stat_no_state": b"4711 (setup) ",
        "stat_turned": b"4711 )setup( S 1",
        "stat_overflow": b"4711 (setup) S 99999999999 " + behind,
        "stat_nul": b"4711 (set\0up) " + after_state,
        "stat_long": b"4711 (setup) S 1 " + b"1" * 1100,
        "status": status,
        "status_one_uid": b"Uid:\t1000\nCapEff:\t0\n",
        "status_sign": b"Uid:\t1000\t-1\nCapEff:\t-1\n",
        "status_overflow": b"Uid:\t0\t4294967296\nCapEff:\tffffffffffffffffff\n",
        "fdinfo": fdinfo % (b"4711", b"4711"),
        "fdinfo_gone": fdinfo % (b"-1", b"-1"),
        "fdinfo_other_namespace": fdinfo % (b"0", b"0"),
        "fdinfo_overflow": fdinfo % (b"2147483648", b"1"),
    }


def make_config():
    return {
        "empty": b"",
        "all": b"# all there is\n[Timeouts]\nQueryMs=5000\nEndMs=5000\nExitMs=30000\n"
               b"ServiceMs = 20000\nCallMs: 1\n\n[Policy]\nRestartOnOrphan=services\n"
               b"NeverStop=sshd.service root\nAllowShutdown=yes\n[Limits]\nMaxSessions=512\n",
        "never_stop_more": b"[Policy]\nNeverStop=a.service b.service\nNeverStop=c\n  d\tf\n",
        "never_stop_emptied": b"[Policy]\nNeverStop=a b\nNeverStop=\nNeverStop=c\n",
        "last_line_open": b"[Limits]\nMaxSessions=1",
        "carriage_returns": b"[Limits]\r\nMaxSessions=1\r\n",
        "byte_order_mark": b"\xef\xbb\xbf[Limits]\nMaxSessions=3\n",
        "comments": b"; one\n# two\n[Limits] ; three\nMaxSessions=4 ; four\n",
        "zero": b"[Timeouts]\nQueryMs=0\n",
        "too_large": b"[Timeouts]\nQueryMs=3600001\n",
        "overflow": b"[Timeouts]\n\n  QueryMs=99999999999999999999\n",
        "no_value": b"[Limits]\nMaxSessions=\n",
        "no_such_word": b"[Policy]\nRestartOnOrphan=never\n",
        "unknown_key": b"[Policy]\nAllowShutdown=no\nAlowShutdown=yes\n",
        "unknown_section": b"[Policies]\n\n# a\nAllowShutdown=no\n",
        "no_section": b"AllowShutdown=no\n",
        "no_key": b"[Policy]\nthis is no key\n[Limits]\nMaxSessions=0\n",
        "open_section": b"[Policy\nAllowShutdown=no\n",
        "long_line": b"[Policy]\nNeverStop=" + b"word " * 60 + b"\n",
        "long_comment": b"[Policy]\n# " + b"x" * 197 + b"AllowShutdown=no\n",
        "nul": b"[Policy]\nAllowShutdown=no\0\n[Limits]\nMaxSessions=0\n",
        "not_utf8": b"[Policy]\n\xff\x1b[2J=\x80\n",
    }


# --- the journal --------------------------------------------------------------------------------

RAW, WITH_HEADER, WITH_SUMS, RESERVE = 0, 1, 2, 4
LEFT_WRONG = 2 ** 64 - 1
RECORD_MAGIC = 0x52434D52


class Journal:
    """Records in a row; the target writes the file's header and the sums."""

    def __init__(self):
        self.records = []
        self.sequence = 1
        self.previous = 0

    def add(self, session, payload, *, payload_sum=0, header_sum=0, step=0, size=None):
        self.sequence += step
        header = struct.pack("=IIQIIQQ", RECORD_MAGIC, len(payload) if size is None else size,
                             self.sequence, session, self.previous, payload_sum, header_sum)
        self.records.append(header + payload + b"\x5a" * (8 - len(payload) % 8))
        self.sequence += 1
        self.previous = session
        return self

    def base(self, session=1, join=1):
        return self.add(0, message((1, message((1, session), (2, join)))))

    def start(self, session, key=None, pid=4711, **how):
        started = message((1, session), (2, key or bytes([session % 256]) * 16),
                          (3, REQUEST_ID), (4, pid), (5, 99), (6, 1700000000000000))
        return self.add(session, message((2, started)), **how)

    def join(self, session, join, **how):
        joined = message((1, session), (2, join), (3, REQUEST_ID), (4, 4712), (5, 98),
                         (6, 1700000000000001))
        return self.add(session, message((3, joined)), **how)

    def leave(self, session, join, **how):
        left = message((1, session), (2, join), (3, REQUEST_ID), (4, 4712), (5, 98))
        return self.add(session, message((4, left)), **how)

    def end(self, session, request_id=REQUEST_ID, **how):
        ended = message((1, session), (2, request_id), (3, 4711), (4, 99))
        return self.add(session, message((5, ended)), **how)

    def answers(self, n):
        answered = message((1, 4711), (2, 99), *[(3, bytes([i]) * 16) for i in range(n)])
        return self.add(0, message((6, answered)))

    def bytes(self, mode=WITH_SUMS | RESERVE):
        return bytes([mode]) + b"".join(self.records)


def history():
    return (Journal().base().start(1).join(1, 1).start(2).join(2, 2).join(1, 3).leave(1, 1)
            .end(1).start(3).join(3, 4))


def make_journal():
    whole = history().bytes()
    torn = Journal().base().start(1).add(1, b"\0" * 5000, payload_sum=LEFT_WRONG).bytes()
    return {
        "empty": bytes([WITH_HEADER | RESERVE]),
        "header_alone": bytes([WITH_HEADER]),
        "no_header": bytes([RAW]) + b"RMJRNL\x89\n" + bytes(56),
        "foreign": bytes([RAW]) + b"#!/bin/sh\n" * 10,
        "history": whole,
        "no_reserve": history().bytes(WITH_SUMS),
        "wrong_sums": history().bytes(WITH_HEADER | RESERVE),
        "compacted": Journal().base(8, 5).answers(5).start(3).join(3, 4).bytes(),
        "ended_by_nobody": Journal().base().start(1).end(1, b"").bytes(),
        "lost_payload": Journal().start(1).start(2).end(1, payload_sum=LEFT_WRONG).bytes(),
        "lost_header": Journal().start(1).start(2).end(2, header_sum=LEFT_WRONG)
                                .join(1, 1).bytes(),
        "lost_two": Journal().start(1).start(2).end(2, header_sum=LEFT_WRONG)
                             .end(1, header_sum=LEFT_WRONG).start(3).bytes(),
        "lost_at_end": Journal().start(1).start(2).end(2, header_sum=LEFT_WRONG).bytes(),
        "gap": Journal().start(1).start(2, step=5).bytes(),
        "backwards": Journal().start(1).start(2, step=-1).bytes(),
        "last_number": Journal().start(1).start(2, step=2 ** 64 - 3).bytes(),
        "last_session": Journal().start(2 ** 32 - 1).join(2 ** 32 - 1, 2 ** 32 - 1).bytes(),
        "wrapped": Journal().start(7).start(2 ** 32 - 1).start(1).bytes(),
        "same_session": Journal().start(1).start(1, key=b"k" * 16).bytes(),
        "same_key": Journal().start(1).start(2, key=b"\1" * 16).bytes(),
        "impossible": Journal().start(0).start(1, pid=0).join(9, 1).add(1, b"\xff").bytes(),
        "empty_record": Journal().start(1).add(1, b"").add(0, b"").bytes(),
        "too_long": Journal().start(1).add(1, b"abc", size=2 * 1024 * 1024).bytes(),
        "far_too_long": Journal().start(1).add(1, b"abc", size=2 ** 32 - 1).bytes(),
        "torn": torn,
        "cut_short": whole[:-20],
    }


# --- between the broker and its workers -----------------------------------------------------------

def identity(device=0xfe00, inode=12, kind=1, flags=0, error=0):
    return struct.pack("=QQQQIIiI", device, inode, 99, device, kind, flags, error, 0)


def worker_message(kind, content, *, token=3):
    return frame(message((1, token), (kind, content)))


def make_worker():
    begin = worker_message(4, message(
        (1, 1), (3, 1), (4, process()), (5, process(12)), (6, message((1, 4712)))))
    target = identity() + struct.pack("=II", 0, 1)
    other = identity(inode=13) + struct.pack("=II", 1, 4)
    paths = message((1, b"/usr/lib/libz.so.1\0/opt/tree\0"), (2, b"/lib/libz.so.1\0\0"),
                    (8, b"/lib/libz.so.1.2.13\0\0"), (3, target + other),
                    (4, struct.pack("=I", 1)))
    rule = message((1, 2), (2, 0xfe00), (3, 12), (4, b"/usr/bin/editor"), (5, process()),
                   (6, b"user:a.service"))
    others = message((5, process()), (6, b"a.service"), (6, b"user:b.service"), (7, rule))
    run = worker_message(6, b"")
    use = message((1, 3), (2, b"/srv/\xff"), (3, 7), (4, 1))
    user = message((1, process_info()), (2, use), (3, 70))
    application = message((1, process_info()), (3, b"A service"), (4, b"a.service"), (5, 3),
                          (6, 1), (11, b"/usr/bin/\xfe"), (12, b"a service"), (15, user),
                          (16, 300))
    inspection = message((1, 400), (2, 3), (5, message((2, b"not permitted"), (3, 3))),
                         (6, message((1, b"/b"), (2, b"loop0"), (3, 1))), (7, 12), (8, 5))
    kernel = message((1, b"6.1.0-18-amd64"), (2, b"6.1.0-20-amd64"), (3, 1))
    part = worker_message(5, message((1, application)))
    done = worker_message(6, message((1, 1), (2, 4), (3, inspection),
                                     (5, struct.pack("=II", 0, 1))))
    return {
        "question": begin + worker_message(5, paths) + worker_message(5, others) + run,
        "question_in_many": begin + worker_message(5, others) + worker_message(5, paths) * 20,
        "question_of_nothing": begin + run,
        "begun_twice": begin + worker_message(5, paths) + begin + worker_message(5, others),
        "targets_without_begin": worker_message(5, paths),
        "target_without_path": begin + worker_message(5, message((3, target))),
        "path_without_nul": begin + worker_message(5, message((1, b"/a\0/b"))),
        "too_few_real_paths": begin + worker_message(5, message((1, b"/a\0/b\0"), (2, b"/x\0"))),
        "too_many_final_paths": begin + worker_message(5, message((1, b"/a\0"), (8, b"\0\0"))),
        "half_target": begin + worker_message(5, message((1, b"/a\0"), (3, target[:-1]))),
        "tree_of_no_path": begin + worker_message(5, message((1, b"/a\0"), (4, b"\1\0\0\0"))),
        "half_tree": begin + worker_message(5, message((1, b"/a\0"), (4, b"\0\0\0"))),
        "all_is_a_tree": begin + worker_message(5, message((1, b"/\0/a\0"), (4, bytes(4)))),
        "empty_paths": begin + worker_message(5, message((1, bytes(300)))),
        "policy": worker_message(7, message((1, b"ssh.service"))),
        "cancel": begin + worker_message(8, b""),
        "answer": part + done,
        "answer_of_stale": part + worker_message(6, message((1, 1), (3, inspection),
                                                            (4, kernel))),
        "answer_of_nobody": worker_message(6, message((3, inspection))),
        "answer_of_many": worker_message(5, message(*[(1, application)] * 70)) + worker_message(
            6, message((1, 70), (3, inspection))),
        "more_than_counted": part * 2 + done,
        "counted_only": worker_message(6, message((1, 9), (3, inspection))),
        "done_twice": done + done,
        "unclean_name": worker_message(5, message((1, message((1, process_info(b"\x1b[2J"))))))
                        + done,
        "of_no_process": worker_message(5, message((1, message((3, b"x"))))) + done,
        "no_application": worker_message(5, message((1, b"\xff\xff\xff"))) + done,
        "no_inspection": part + worker_message(6, message((1, 1))),
        "unclean_inspection": worker_message(6, message(
            (3, message((5, message((2, b"\x1b"))))))),
        "unclean_kernel": worker_message(6, message((3, inspection), (4, message((1, b"\n"))))),
        "files": worker_message(3, message((1, identity() + identity(kind=99, error=-7)),
                                           (2, b"\0/x\0"))),
        "tree": worker_message(4, message((1, identity() * 3), (2, 1), (3, 2), (4, 1))),
        "tree_in_pieces": worker_message(4, message((1, identity()[:-1]))),
        "failed": frame(message((1, 3), (2, 2 ** 32 - 1))),
        "cut_short": (part + done)[:-9],
    }


# ------------------------------------------------------------------------------------------------

TARGETS = {
    "config": make_config,
    "frame": make_frame,
    "journal": make_journal,
    "procfs": make_procfs,
    "reply": make_reply,
    "request": make_request,
    "text": make_text,
    "worker": make_worker,
}


def main():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
    corpus = sys.argv[1] if len(sys.argv) > 1 else beside
    for target, make in TARGETS.items():
        directory = os.path.join(corpus, target)
        os.makedirs(directory, exist_ok=True)
        for name, content in make().items():
            with open(os.path.join(directory, name), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
