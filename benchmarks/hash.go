package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/chatident/chatident/hmachash"
)

const (
	signingSecret = "a signing secret of a dashboard"
	signedID      = "user-123"
)

func userHash() (*Group, error) {
	hasher, err := hmachash.New(signingSecret, nil)
	if err != nil {
		return nil, err
	}
	node, err := startNode(map[string]any{"key": keyHex, "secret": signingSecret, "id": signedID})
	if err != nil {
		return nil, err
	}
	documented, err := hmacDocumented()
	if err != nil {
		return nil, err
	}
	right := func(hash string) error { return equal(hash, documented) }
	return &Group{
		Task:  "user_hash, 8-byte id",
		Ours:  call("chatident", func() (string, error) { return hasher.Hash(signedID) }, right),
		Floor: call("floor: two SHA-256 of one block", twoBlocks, notZero),
		Peers: []Item{
			call("crypto/hmac, as documented", hmacDocumented, right),
			node.item("Node's crypto", "userHash", 1, right),
		},
		AtMost: 1.5,
		Allocs: upTo(1),
		Close:  node.stop,
	}, nil
}

func userHashAppended() (*Group, error) {
	hasher, err := hmachash.New(signingSecret, nil)
	if err != nil {
		return nil, err
	}
	documented, err := hmacDocumented()
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(documented))
	return &Group{
		Task: "user_hash, appended",
		Ours: call("chatident", func() ([]byte, error) { return hasher.AppendHash(dst, signedID) },
			func(hash []byte) error { return equal(string(hash), documented) }),
		Floor:  call("floor: two SHA-256 of one block", twoBlocks, notZero),
		AtMost: 1.5,
		Allocs: upTo(0),
	}, nil
}

func hmacDocumented() (string, error) {
	mac := hmac.New(sha256.New, []byte(signingSecret))
	mac.Write([]byte(signedID))
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// twoBlocks does the part of an HMAC that depends on the message. The state after the two
// blocks of the key can be kept.
func twoBlocks() ([sha256.Size]byte, error) {
	var message [len(signedID)]byte
	copy(message[:], signedID)
	inner := sha256.Sum256(message[:])
	return sha256.Sum256(inner[:]), nil
}

func notZero(sum [sha256.Size]byte) error {
	if sum == [sha256.Size]byte{} {
		return errors.New("no hash")
	}
	return nil
}
