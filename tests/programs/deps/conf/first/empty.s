// SPDX-License-Identifier: Apache-2.0
// Lets first.go declare functions without bodies.
