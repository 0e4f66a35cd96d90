#!/bin/sh
# Makes each example's .pb from its .txtpb, by protoc. Run it in this folder after changing one.
set -eu
cd "$(dirname "$0")"
for text in *.txtpb; do
    case "$text" in
    event-*) type=Event file=events ;;
    query-*) type=Query file=queries ;;
    reply-*) type=Reply file=queries ;;
    stored-state-*) type=StoredState file=stored ;;
    stored-user*) type=StoredUser file=stored ;;
    esac
    protoc -I .. --encode="readstates.v1.$type" "../readstates/v1/$file.proto" \
        <"$text" >"${text%.txtpb}.pb"
done
