// Sign in with the generated types, and look at what there is to eat: `node example.ts URL EMAIL`.
// The password comes from the environment, TAWSIL_PASSWORD.
import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

const [url, email] = process.argv.slice(2);
const password = process.env["TAWSIL_PASSWORD"];
if (!url || !email || !password) throw new Error("usage: node example.ts URL EMAIL");

const client = createClient<paths>({ baseUrl: url });

const { data: signedIn, error } = await client.POST("/v4/auth/login", { body: { email, password } });
if (!signedIn) throw new Error(error.errors[0]?.message ?? "no answer");
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${signedIn.data.access_token}`);
  },
});

const { data: merchants } = await client.GET("/v4/merchants");
for (const merchant of merchants?.data ?? []) {
  const { data: menu } = await client.GET("/v4/merchants/{merchant_id}/menu", {
    params: { path: { merchant_id: merchant.id } },
  });
  for (const category of menu?.data.categories ?? []) {
    for (const product of category.products) {
      console.log(merchant.name, product.name, product.price_minor, merchant.currency);
    }
  }
}

const { data: orders } = await client.GET("/v4/orders", { params: { query: { limit: 5 } } });
console.log(orders?.data.length, "orders");
