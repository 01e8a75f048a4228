package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/crypto/bcrypt"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// customer is a row of the table of the same name.
type customer struct {
	ID               string
	Username         string
	FirstName        string
	LastName         string
	Email            string
	EmailConfirmed   bool
	Plan             string
	StripeCustomerID string
	MemberSince      string
}

func (c customer) Name() string { return strings.TrimSpace(c.FirstName + " " + c.LastName) }

// demoCustomers can sign in with their user name as password. Mallory typed
// Ada's address when she registered, and never confirmed it.
var demoCustomers = []customer{
	{"cust-1001", "ada", "Ada", "Lovelace", "ada@example.com", true, "pro", "cus_demo1001", "2024-12-10"},
	{"cust-1002", "grace", "Grace", "Hopper", "grace@example.com", true, "business", "cus_demo1002", "2025-12-09"},
	{"cust-1003", "mallory", "Mallory", "", "ada@example.com", false, "free", "", "2026-11-01"},
}

// order is an order of a customer.
type order struct {
	ID     string `json:"id"`
	Item   string `json:"item"`
	Status string `json:"status"`
}

var demoOrders = map[string][]order{
	"cust-1001": {{"A-1001", "Punched cards, 500", "on its way"}, {"A-0998", "A brass gear", "delivered"}},
	"cust-1002": {{"A-1002", "A yard of nanoseconds", "delivered"}},
	"cust-1003": {{"A-1003", "A very long ladder", "packed"}},
}

const schema = `
PRAGMA busy_timeout = 5000;
CREATE TABLE IF NOT EXISTS customer (
	id                 TEXT PRIMARY KEY,
	username           TEXT NOT NULL UNIQUE,
	password_hash      BLOB NOT NULL,
	first_name         TEXT NOT NULL,
	last_name          TEXT NOT NULL,
	email              TEXT NOT NULL,
	email_confirmed    BOOLEAN NOT NULL,
	plan               TEXT NOT NULL,
	stripe_customer_id TEXT NOT NULL,
	member_since       TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);
`

// customers accesses the table of customers.
type customers struct {
	db *sql.DB
	// unknownHash is compared when the user name is unknown.
	unknownHash []byte
}

func newCustomers(db *sql.DB, passwordCost int) (customers, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(randomHex(16)), passwordCost)
	return customers{db, hash}, err
}

// openDB opens the database and inserts the demo customers. An empty file name
// means a database in memory. A passwordCost of 0 means bcrypt.DefaultCost.
func openDB(ctx context.Context, file string, passwordCost int) (*sql.DB, error) {
	name := ":memory:"
	if file != "" {
		name = "file:" + url.PathEscape(file) // so that the name may contain any character
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection would open another database in memory
	if err := insertDemo(ctx, db, passwordCost); err != nil {
		return nil, errors.Join(fmt.Errorf("database %q: %w", cmp.Or(file, name), err), db.Close())
	}
	return db, nil
}

func insertDemo(ctx context.Context, db *sql.DB, passwordCost int) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	for _, c := range demoCustomers {
		hash, err := bcrypt.GenerateFromPassword([]byte(c.Username), passwordCost)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, `INSERT OR IGNORE INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, c.Username, hash, c.FirstName, c.LastName, c.Email, c.EmailConfirmed, c.Plan, c.StripeCustomerID, c.MemberSince)
		if err != nil {
			return err
		}
	}
	return nil
}

var errNoCustomer = errors.New("no such customer")

// byID returns errNoCustomer if the account does not exist.
func (cs customers) byID(ctx context.Context, id string) (customer, error) {
	c, _, err := cs.find(ctx, "id", id)
	return c, err
}

// update writes the fields that customers may change.
func (cs customers) update(ctx context.Context, c customer) error {
	_, err := cs.db.ExecContext(ctx, `UPDATE customer SET first_name = ?, last_name = ?, plan = ? WHERE id = ?`,
		c.FirstName, c.LastName, c.Plan, c.ID)
	return err
}

// remove deletes an account if it exists.
func (cs customers) remove(ctx context.Context, id string) error {
	_, err := cs.db.ExecContext(ctx, `DELETE FROM customer WHERE id = ?`, id)
	return err
}

// signIn returns errNoCustomer if the user name or the password is wrong. It takes as long
// for an unknown user name, so that the time does not reveal which names exist.
func (cs customers) signIn(ctx context.Context, username, password string) (customer, error) {
	c, hash, err := cs.find(ctx, "username", username)
	if errors.Is(err, errNoCustomer) {
		hash = cs.unknownHash
	} else if err != nil {
		return customer{}, err
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil {
		return customer{}, errNoCustomer
	}
	return c, nil
}

// find selects a customer by a column. The column must not come from a request.
func (cs customers) find(ctx context.Context, column, value string) (c customer, hash []byte, err error) {
	err = cs.db.QueryRowContext(ctx, `SELECT id, username, first_name, last_name, email, email_confirmed, plan, stripe_customer_id, member_since, password_hash
		FROM customer WHERE `+column+` = ?`, value).Scan(
		&c.ID, &c.Username, &c.FirstName, &c.LastName, &c.Email, &c.EmailConfirmed, &c.Plan, &c.StripeCustomerID, &c.MemberSince, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoCustomer
	}
	return c, hash, err
}
