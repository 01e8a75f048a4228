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

// user is what a token says of a customer, and the source of an action's values.
type user map[string]any

// readUser reads one. Numbers keep all their digits.
func readUser(file string) (user, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var u user
	if err := d.Decode(&u); err != nil {
		return nil, explainJSON(data, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("must be one JSON object, and has more behind it")
	}
	if u == nil {
		return nil, errors.New("must be a JSON object")
	}
	return u, u.check()
}

// check tells every member at once that a token does not have.
func (u user) check() error {
	var faults []error
	for _, root := range slices.Sorted(maps.Keys(u)) {
		_, object := u[root].(map[string]any)
		switch {
		case root == "iat" || root == "exp":
		case root != "userDetail" && root != "integrations":
			faults = append(faults, fmt.Errorf("%.64q must not be there: the roots are userDetail and integrations", root))
		case !object:
			faults = append(faults, fmt.Errorf("%s must be an object", root))
		}
	}
	return errors.Join(faults...)
}

// explainJSON says where the file is no JSON.
func explainJSON(data []byte, err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return errors.New("must be a JSON object")
	case errors.As(err, &syntax):
		before := data[:max(0, min(int(syntax.Offset), len(data)))]
		return fmt.Errorf("line %d: must be JSON: %s", 1+bytes.Count(before, []byte("\n")), syntax)
	}
	return errors.New("must be a whole JSON object")
}

// Lookup finds userDetail.email, for example.
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
