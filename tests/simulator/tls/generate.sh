#!/bin/sh
# Makes the certificates of this folder anew. They and their keys are for tests on loopback only; they guard nothing.
# ca.crt signs server.* (names below) and client.*; stranger.* is signed by nobody.
set -eu
cd "$(dirname "$0")"
names="DNS:localhost,DNS:dragonfly.test,IP:127.0.0.1,IP:::1"
for i in $(seq 1 64); do names="$names,IP:127.1.0.$i"; done
for i in $(seq 1 8); do names="$names,IP:127.2.0.$i,IP:127.3.0.$i"; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=simulator test CA" \
    -keyout ca.key -out ca.crt
for who in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=simulator $who" \
        -keyout $who.key -out $who.csr
    printf 'subjectAltName=%s\n' "$names" > $who.ext
    openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 36500 -extfile $who.ext -out $who.crt
    rm $who.csr $who.ext
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=stranger" \
    -addext "subjectAltName=$names" -keyout stranger.key -out stranger.crt
rm ca.key ca.srl
