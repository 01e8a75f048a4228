package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/chatident/chatident/identity"
	jose2go "github.com/dvsekhvalnov/jose2go"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

const keyHex = "000102030405060708090a0b0c0d0e0f"

// documented is the payload in the vendor's example.
var documented = identity.Payload{
	User:         identity.UserDetail{ID: "user-123", Email: "user@example.com", Name: "Ada Lovelace", Plan: "pro"},
	Integrations: identity.Integrations{StripeCustomerID: "cus_123"},
}

// claims is the content of a token for the documented payload.
type claims struct {
	UserDetail struct {
		ID       string `json:"id,omitempty"`
		Email    string `json:"email,omitempty"`
		Name     string `json:"name,omitempty"`
		FullName string `json:"fullName,omitempty"`
		Plan     string `json:"plan,omitempty"`
	} `json:"userDetail"`
	Integrations struct {
		Stripe struct {
			CustomerID         string `json:"customerId,omitempty"`
			SubscriptionStatus string `json:"subscriptionStatus,omitempty"`
		} `json:"stripe,omitzero"`
	} `json:"integrations"`
	IssuedAt  int64 `json:"iat,omitempty"`
	ExpiresAt int64 `json:"exp,omitempty"`
}

// claimsOf converts a payload without Extra and Services.
func claimsOf(p *identity.Payload) *claims {
	c := new(claims)
	c.UserDetail.ID = p.User.ID
	c.UserDetail.Email = p.User.Email
	c.UserDetail.Name = p.User.Name
	c.UserDetail.FullName = p.User.Name
	c.UserDetail.Plan = p.User.Plan
	c.Integrations.Stripe.CustomerID = p.Integrations.StripeCustomerID
	c.Integrations.Stripe.SubscriptionStatus = p.Integrations.StripeSubscriptionStatus
	return c
}

// timed returns the claims with the times of a token.
func timed(p *identity.Payload) *claims {
	c := claimsOf(p)
	now := time.Now()
	c.IssuedAt, c.ExpiresAt = now.Unix(), now.Add(time.Hour).Unix()
	return c
}

func mint() (*Group, error) {
	key, err := hex.DecodeString(keyHex)
	if err != nil {
		return nil, err
	}
	minter, opener, err := ours()
	if err != nil {
		return nil, err
	}
	opens := func(token string) error {
		opened, err := opener.Open(token)
		if err == nil && !reflect.DeepEqual(opened.Payload, documented) {
			err = fmt.Errorf("opened another payload: %+v", opened.Payload)
		}
		return err
	}
	byHand, err := mintByHand(key)
	if err != nil {
		return nil, err
	}
	reused, err := newEncrypter(key)
	if err != nil {
		return nil, err
	}
	node, err := startNode(map[string]any{"key": keyHex, "payload": claimsOf(&documented)})
	if err != nil {
		return nil, err
	}
	return &Group{
		Task:  "mint",
		Ours:  call("chatident", func() (string, error) { return minter.Mint(documented) }, opens),
		Floor: call("floor: json.Marshal, a kept AEAD, base64url", byHand, opens),
		Peers: []Item{
			call("jose2go", jose2goMint(key), opens).slower(3),
			call("go-jose, Encrypter kept, json.Marshal", joseMint(reused), opens).slower(3),
			call("go-jose, Encrypter kept, jwt", joseJWT(reused), opens).slower(3),
			call("go-jose, as documented", joseDocumented(key), opens).slower(3),
			call("jwx, jwe", jwxMint(key), opens).slower(3),
			call("jwx, jwt", jwxJWT(key), opens).slower(3),
			node.item("jose for Node, one by one", "mint", 1, opens).slower(3),
			node.item("jose for Node, 64 at once", "mint", 64, opens).slower(3),
		},
		AtMost: 1.2,
		Allocs: floorPlus(1),
		Close:  node.stop,
	}, nil
}

func ours() (*identity.Minter, *identity.Opener, error) {
	key, err := identity.ParseKey(keyHex)
	if err != nil {
		return nil, nil, err
	}
	minter, err := identity.NewMinter(key, nil)
	if err != nil {
		return nil, nil, err
	}
	opener, err := identity.NewOpener(key)
	return minter, opener, err
}

// mintByHand returns the shortest code that mints a token, without checks.
func mintByHand(key []byte) (func() (string, error), error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	header := []byte("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0") // {"alg":"dir","enc":"A128GCM"}
	const nonce, tag = 12, 16
	return func() (string, error) {
		plaintext, err := json.Marshal(timed(&documented))
		if err != nil {
			return "", err
		}
		sealed := aead.Seal(nil, nil, plaintext, header)
		end := len(sealed) - tag
		token := make([]byte, 0, len(header)+4+base64.RawURLEncoding.EncodedLen(len(sealed))+2)
		token = append(append(token, header...), ".."...)
		token = base64.RawURLEncoding.AppendEncode(token, sealed[:nonce])
		token = append(token, '.')
		token = base64.RawURLEncoding.AppendEncode(token, sealed[nonce:end])
		token = append(token, '.')
		token = base64.RawURLEncoding.AppendEncode(token, sealed[end:])
		return string(token), nil
	}, nil
}

func jose2goMint(key []byte) func() (string, error) {
	return func() (string, error) {
		plaintext, err := json.Marshal(timed(&documented))
		if err != nil {
			return "", err
		}
		return jose2go.EncryptBytes(plaintext, jose2go.DIR, jose2go.A128GCM, key)
	}
}

func newEncrypter(key []byte) (jose.Encrypter, error) {
	return jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, nil)
}

func joseMint(encrypter jose.Encrypter) func() (string, error) {
	return func() (string, error) {
		plaintext, err := json.Marshal(timed(&documented))
		if err != nil {
			return "", err
		}
		object, err := encrypter.Encrypt(plaintext)
		if err != nil {
			return "", err
		}
		return object.CompactSerialize()
	}
}

// joseJWT uses the builder as documented by go-jose: the times are in one struct of claims,
// the payload is in another.
func joseJWT(encrypter jose.Encrypter) func() (string, error) {
	return func() (string, error) {
		now := time.Now()
		times := jwt.Claims{IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour))}
		return jwt.Encrypted(encrypter).Claims(times).Claims(claimsOf(&documented)).Serialize()
	}
}

func joseDocumented(key []byte) func() (string, error) {
	return func() (string, error) {
		encrypter, err := newEncrypter(key)
		if err != nil {
			return "", err
		}
		return joseJWT(encrypter)()
	}
}

func jwxMint(key []byte) func() (string, error) {
	return func() (string, error) {
		plaintext, err := json.Marshal(timed(&documented))
		if err != nil {
			return "", err
		}
		token, err := jwe.Encrypt(plaintext, jwe.WithKey(jwa.DIRECT(), key), jwe.WithContentEncryption(jwa.A128GCM()))
		return string(token), err
	}
}

func jwxJWT(key []byte) func() (string, error) {
	return func() (string, error) {
		now, c := time.Now(), claimsOf(&documented)
		token, err := jwxjwt.NewBuilder().IssuedAt(now).Expiration(now.Add(time.Hour)).
			Claim("userDetail", c.UserDetail).Claim("integrations", c.Integrations).Build()
		if err != nil {
			return "", err
		}
		encrypted, err := jwxjwt.NewSerializer().
			Encrypt(jwxjwt.WithKey(jwa.DIRECT(), key), jwxjwt.WithEncryptOption(jwe.WithContentEncryption(jwa.A128GCM()))).
			Serialize(token)
		return string(encrypted), err
	}
}
