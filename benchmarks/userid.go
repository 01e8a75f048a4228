package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/chatident/chatident/chatclient"
)

func userID() (*Group, error) {
	const length = 128
	id := strings.Repeat("user-A.9", length/8)
	documented := regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)
	whole := func(got chatclient.UserID) error { return equal(string(got), id) }
	return &Group{
		Task: "userId check, 128 characters",
		Ours: call("chatident", func() (chatclient.UserID, error) { return chatclient.ParseUserID(id) }, whole),
		Floor: call("floor: a loop that adds up the bytes", func() (int, error) { return sum(id), nil }, func(got int) error {
			return equal(got, length/8*sum("user-A.9"))
		}),
		Peers: []Item{call("regexp, as documented", func() (chatclient.UserID, error) {
			if !documented.MatchString(id) {
				return "", errors.New("no match")
			}
			return chatclient.UserID(id), nil
		}, whole)},
		AtMost: 1.5,
		Allocs: upTo(0),
	}, nil
}

func sum(s string) (total int) {
	for i := range len(s) {
		total += int(s[i])
	}
	return total
}
