<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0">
<channel>
<title>Siete Puentes</title>
<link>{{base}}/siete/</link>
<description>Siete Puentes</description>
<language>es-uy</language>
<ttl>15</ttl>
<item>
<title>Paraguay extradita a un contador buscado por burlar sanciones financieras</title>
<link>{{base}}/siete/mundo/2026/06/12/extradicion-contador-sanciones?utm_source=rss&amp;utm_medium=feed</link>
<description>&lt;p&gt;Interpol lo había detenido en Asunción; se le acusa de mover fondos de empresas incluidas en la lista de sanciones.&amp;nbsp;&lt;/p&gt;</description>
<pubDate>Fri, 12 Jun 2026 20:05:00 -0300</pubDate>
<guid isPermaLink="true">{{base}}/siete/mundo/2026/06/12/extradicion-contador-sanciones</guid>
</item>
<item>
<title>Rescatan a 54 víctimas de una red de trata que operaba en tres ciudades</title>
<link>{{base}}/siete/nota.php/31877?utm_source=rss&amp;utm_medium=feed</link>
<description>&lt;p&gt;La organización criminal captaba a mujeres con falsas ofertas de empleo y lavaba el dinero en casas de cambio.&amp;nbsp;&lt;/p&gt;</description>
<pubDate>Thu, 09 Apr 2026 13:15:00 -0300</pubDate>
<guid isPermaLink="true">{{base}}/siete/nota.php/31877</guid>
</item>
<item>
<title>Una murga de jubilados conquista el carnaval de Montevideo</title>
<link>{{base}}/siete/cultura/2026/02/14/murga-carnaval-barrio?utm_source=rss&amp;utm_medium=feed</link>
<description>&lt;p&gt;Tienen entre 66 y 91 años y ensayan en un club de bochas.&amp;nbsp;&lt;/p&gt;</description>
<pubDate>Sat, 14 Feb 2026 23:30:00 -0300</pubDate>
<guid isPermaLink="true">{{base}}/siete/cultura/2026/02/14/murga-carnaval-barrio</guid>
</item>
</channel>
</rss>
