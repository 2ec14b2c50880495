// The verifier as other programs call it: one function whose signature stays.
export { verifyJws } from "./jws.ts";
