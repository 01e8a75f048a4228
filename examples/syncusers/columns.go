package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chatident/chatident/contacts"
)

// fields maps the names of columns to the fields of a contact.
var fields = map[string]func(*contacts.Fields) *contacts.Optional[string]{
	"external_id": func(in *contacts.Fields) *contacts.Optional[string] { return &in.ExternalID },
	"name":        func(in *contacts.Fields) *contacts.Optional[string] { return &in.Name },
	"email":       func(in *contacts.Fields) *contacts.Optional[string] { return &in.Email },
	"phonenumber": func(in *contacts.Fields) *contacts.Optional[string] { return &in.PhoneNumber },
}

// column is a column of the query: a field, an attribute, or only the key.
type column struct {
	name      string
	declared  string // type in the database
	attribute string
	kind      contacts.AttributeType
}

func parseColumns(types []*sql.ColumnType) ([]column, error) {
	var columns []column
	seen := map[string]bool{}
	for i, t := range types {
		c := column{name: t.Name()}
		c.declared, _, _ = strings.Cut(strings.ToUpper(t.DatabaseTypeName()), "(")
		name, isAttribute := strings.CutPrefix(c.name, "attr_")
		switch {
		case isAttribute:
			if err := c.parseAttribute(name); err != nil {
				return nil, err
			}
		case fields[c.name] == nil && i > 0:
			return nil, fmt.Errorf("-query: the column %q must be external_id, name, email, phonenumber or attr_*", c.name)
		}
		if what := c.what(); seen[what] {
			return nil, fmt.Errorf("-query: there are two columns for %q", what)
		}
		seen[c.what()] = true
		columns = append(columns, c)
	}
	if !seen["external_id"] {
		return nil, errors.New("-query: there must be a column external_id")
	}
	return columns, nil
}

// what returns the column's name without the type suffix.
func (c *column) what() string {
	if c.attribute != "" {
		return "attr_" + c.attribute
	}
	return c.name
}

func (c *column) parseAttribute(name string) error {
	name, kind, isTyped := strings.Cut(name, ":")
	c.attribute, c.kind = name, contacts.AttributeType(kind)
	if !isTyped {
		c.kind = typeOf(c.declared)
	}
	switch c.kind {
	case contacts.TypeText, contacts.TypeNumber, contacts.TypeBoolean, contacts.TypeDate:
	case "":
		return fmt.Errorf(`-query: the database has no type for the column %s: write it, as in "attr_%s:number"`, c.name, name)
	default:
		return fmt.Errorf("-query: the type of the column %q must be text, number, boolean or date", c.name)
	}
	return nil
}

// typeOf returns the service's type that is closest to a type in the database.
func typeOf(declared string) contacts.AttributeType {
	switch strings.TrimSpace(declared) {
	case "":
		return ""
	case "INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "INT2", "INT4", "INT8",
		"REAL", "FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "NUMERIC", "DECIMAL":
		return contacts.TypeNumber
	case "BOOL", "BOOLEAN":
		return contacts.TypeBoolean
	case "DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPTZ":
		return contacts.TypeDate
	}
	return contacts.TypeText
}

// attributes returns the definitions that the columns need.
func (t *table) attributes() []contacts.Attribute {
	var all []contacts.Attribute
	for _, c := range t.columns {
		if c.attribute != "" {
			all = append(all, contacts.Attribute{Name: c.attribute, Type: c.kind})
		}
	}
	return all
}

// input converts a row to a contact. It keeps a value of the wrong type, so that the Schema
// rejects the row.
func input(columns []column, values []any) contacts.Fields {
	var in contacts.Fields
	attributes := contacts.Values{}
	for i, c := range columns {
		switch field := fields[c.name]; {
		case c.attribute != "":
			attributes[c.attribute] = c.value(values[i])
		case field == nil: // only the key
		case values[i] == nil:
			*field(&in) = contacts.Null[string]()
		default:
			*field(&in) = contacts.Set(text(values[i]))
		}
	}
	if len(attributes) > 0 {
		in.CustomAttributes = contacts.Set(attributes)
	}
	return in
}

// value returns the value of an attribute, nil for NULL.
func (c *column) value(v any) any {
	switch c.kind {
	case contacts.TypeNumber:
		return c.number(v)
	case contacts.TypeBoolean:
		if v == int64(0) || v == int64(1) { // in SQLite
			return v == int64(1)
		}
	case contacts.TypeDate:
		return c.date(v)
	case contacts.TypeText:
		if v != nil {
			return text(v)
		}
	}
	return v
}

// number keeps all digits of a NUMERIC, which arrives as text. A float64 would lose some.
func (c *column) number(v any) any {
	switch v := v.(type) {
	case float64:
		if c.declared == "FLOAT4" { // 0.1, and not 0.10000000149011612
			return json.Number(strconv.FormatFloat(v, 'g', -1, 32))
		}
	case string:
		if isNumber(v) {
			return json.Number(v)
		}
	}
	return v
}

func isNumber(s string) bool {
	var n json.Number
	return json.Unmarshal([]byte(s), &n) == nil && string(n) == s
}

// date formats a time as RFC 3339 in UTC, or only its day for a column of dates.
func (c *column) date(v any) any {
	t, ok := v.(time.Time)
	if !ok {
		return v
	}
	if c.declared == "DATE" && t.Equal(t.Truncate(24*time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
