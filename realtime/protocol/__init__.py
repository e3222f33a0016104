"""The wire: the messages of the Centrifuge client protocol v2, in JSON and in Protobuf.

`messages.py` has them as types, `codec.py` says what a format must do and `codec_json.py` and
`codec_protobuf.py` do it, the latter by the tables in `protobuf_schema.py` over the plain wire
format of `protobuf_wire.py`. No I/O, no state. The codes of errors and closes:
`realtime/codes.py`.
"""
