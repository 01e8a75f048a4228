package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// user is the content of a customer's identity token, the source of an action's values.
type user map[string]any

// readUser reads a user from a file. Numbers keep all their digits.
func readUser(file string) (user, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var u user
	err = d.Decode(&u)
	if _, end := d.Token(); err != nil || end != io.EOF || u == nil {
		return nil, errors.New(`must be one JSON object: {"userDetail": {...}, "integrations": {...}}`)
	}
	return u, u.check()
}

// check reports all members that a token cannot have.
func (u user) check() error {
	var faults []error
	for _, root := range slices.Sorted(maps.Keys(u)) {
		_, object := u[root].(map[string]any)
		switch {
		case root == "iat" || root == "exp":
		case root != "userDetail" && root != "integrations":
			faults = append(faults, fmt.Errorf("%.64q is unknown (the roots are userDetail and integrations)", root))
		case !object:
			faults = append(faults, fmt.Errorf("%s must be an object", root))
		}
	}
	return errors.Join(faults...)
}

// Lookup returns the value at a path such as userDetail.email.
func (u user) Lookup(path string) (any, bool) {
	var v any = map[string]any(u)
	for key := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		below, ok := object[key]
		if !ok {
			return nil, false
		}
		v = below
	}
	return v, true
}
